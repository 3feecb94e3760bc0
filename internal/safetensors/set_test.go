package safetensors_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// directory writes files into a new directory: an index as its text, any other
// name as a safetensors file with the tensors named.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, ".json") {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var entries []safetensors.Entry
		for _, tensor := range strings.Fields(content) {
			entries = append(entries, safetensors.Float32(tensor, []int{2}, []float32{1, float32(len(tensor))}))
		}
		if err := safetensors.Create(path, entries, map[string]string{"from": name, name: "yes"}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func index(pairs ...string) string {
	var list []string
	for _, p := range pairs {
		tensor, shard, _ := strings.Cut(p, "=")
		list = append(list, fmt.Sprintf("%q: %q", tensor, shard))
	}
	return `{"metadata": {"total_size": 24}, "weight_map": {` + strings.Join(list, ", ") + `}}`
}

func TestOpenDir(t *testing.T) {
	const indexName = "model.safetensors.index.json"
	for name, c := range map[string]struct {
		files   map[string]string
		tensors string
		count   int
	}{
		"one file":     {map[string]string{"model.safetensors": "b a", "other.safetensors": "c"}, "a b", 1},
		"file first":   {map[string]string{"model.safetensors": "b a", indexName: "{}"}, "a b", 1},
		"any one name": {map[string]string{"model.blocks.safetensors": "x", "config.json": "{}"}, "x", 1},
		"shards": {map[string]string{"m-1.safetensors": "b d", "m-2.safetensors": "a c", "stray.safetensors": "z",
			indexName: index("a=m-2.safetensors", "b=m-1.safetensors", "c=m-2.safetensors", "d=m-1.safetensors")}, "a b c d", 2},
		"listed but absent":      {map[string]string{"m.safetensors": "a", indexName: index("a=m.safetensors", "b=m.safetensors")}, "a", 1},
		"there but not listed":   {map[string]string{"m.safetensors": "a b", indexName: index("a=m.safetensors")}, "a b", 1},
		"listed for another":     {map[string]string{"m.safetensors": "a", "n.safetensors": "b", indexName: index("a=n.safetensors", "b=m.safetensors")}, "a b", 2},
		"in two, listed for one": {map[string]string{"m.safetensors": "a b", "n.safetensors": "b c", indexName: index("a=m.safetensors", "b=n.safetensors", "c=n.safetensors")}, "a b c", 2},
		"other index":            {map[string]string{"m.safetensors": "a", "weights.safetensors.index.json": index("a=m.safetensors")}, "a", 1},
	} {
		set, err := safetensors.OpenSet(directory(t, c.files))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names []string
		for _, tensor := range set.Tensors() {
			names = append(names, tensor.Name)
			found, ok := set.Tensor(tensor.Name)
			x := make([]float32, 2)
			if err := tensor.ReadFloat32(x, 0); err != nil || x[1] != float32(len(tensor.Name)) || !ok || found != tensor {
				t.Errorf("%s: tensor %s: %v %v", name, tensor.Name, x, err)
			}
			if filepath.Dir(tensor.File) != filepath.Dir(set.Files()[0].Path()) {
				t.Errorf("%s: tensor %s is said to be in %s", name, tensor.Name, tensor.File)
			}
		}
		if got := strings.Join(names, " "); got != c.tensors || len(set.Files()) != c.count {
			t.Errorf("%s: tensors %s in %d files", name, got, len(set.Files()))
		}
		if name == "shards" {
			m := set.Metadata()
			if m["from"] != "m-1.safetensors" || m["m-1.safetensors"] != "yes" || m["m-2.safetensors"] != "yes" {
				t.Errorf("metadata %v", m)
			}
		}
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenDirRefuses(t *testing.T) {
	const indexName = "model.safetensors.index.json"
	for name, c := range map[string]struct {
		files map[string]string
		want  error
	}{
		"nothing":            {nil, fs.ErrNotExist},
		"several":            {map[string]string{"a.safetensors": "a", "b.safetensors": "b"}, safetensors.ErrIndex},
		"missing shard":      {map[string]string{indexName: index("a=m.safetensors")}, fs.ErrNotExist},
		"in two shards":      {map[string]string{"m.safetensors": "a b", "n.safetensors": "b c", indexName: index("a=m.safetensors", "c=n.safetensors")}, safetensors.ErrIndex},
		"parent":             {map[string]string{indexName: index("a=../m.safetensors")}, safetensors.ErrIndex},
		"absolute":           {map[string]string{indexName: index("a=/m.safetensors")}, safetensors.ErrIndex},
		"backslash":          {map[string]string{indexName: index(`a=..\m.safetensors`)}, safetensors.ErrIndex},
		"drive":              {map[string]string{indexName: index("a=c:m.safetensors")}, safetensors.ErrIndex},
		"other file":         {map[string]string{indexName: index("a=passwd")}, safetensors.ErrIndex},
		"mapped twice":       {map[string]string{"m.safetensors": "a", indexName: index("a=m.safetensors", "a=m.safetensors")}, safetensors.ErrIndex},
		"number for a shard": {map[string]string{indexName: `{"weight_map": {"a": 1}}`}, safetensors.ErrIndex},
		"no map":             {map[string]string{indexName: `{"metadata": {}}`}, safetensors.ErrIndex},
		"empty map":          {map[string]string{indexName: `{"weight_map": {}}`}, safetensors.ErrIndex},
		"two maps":           {map[string]string{indexName: `{"weight_map": {}, "weight_map": {}}`}, safetensors.ErrIndex},
		"not JSON":           {map[string]string{indexName: `weight_map`}, safetensors.ErrIndex},
		"cut":                {map[string]string{indexName: `{"weight_map": {"a": "m.safetensors"}`}, safetensors.ErrIndex},
		"text after":         {map[string]string{indexName: `{"weight_map": {"a": "m.safetensors"}} x`}, safetensors.ErrIndex},
	} {
		dir := directory(t, c.files)
		set, err := safetensors.OpenSet(dir)
		if !errors.Is(err, c.want) || set != nil {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), filepath.Base(dir)) {
			t.Errorf("%s: %q does not name the place", name, err)
		}
	}
	if _, err := safetensors.OpenSet("missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := safetensors.Open(t.TempDir()); !errors.Is(err, regularfile.ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(index("a=m.safetensors"))
	f.Add(index("a=../m.safetensors"))
	f.Add(`{"weight_map": {"a": "m.safetensors", "a": null}, "metadata": [1, {}]}`)
	dir := f.TempDir()
	shard := filepath.Join(dir, "m.safetensors")
	if err := safetensors.Create(shard, []safetensors.Entry{safetensors.Float32("a", []int{1}, []float32{1})}, nil); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, "x.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := safetensors.OpenIndex(path)
		if err != nil {
			return
		}
		defer set.Close()
		if len(set.Files()) != 1 || set.Files()[0].Path() != shard || len(set.Tensors()) != 1 {
			t.Fatalf("%q opened %v", text, set.Files())
		}
	})
}
