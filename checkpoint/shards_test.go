package checkpoint_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/internal/torch"
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

func TestShards(t *testing.T) {
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
		src, err := checkpoint.Open(t.Context(), directory(t, c.files), checkpoint.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names []string
		for _, tensor := range src.Tensors() {
			names = append(names, tensor.Name)
			x := make([]float32, 2)
			if err := tensor.ReadFloat32(t.Context(), x, 0); err != nil || x[1] != float32(len(tensor.Name)) {
				t.Errorf("%s: tensor %s: %v %v", name, tensor.Name, x, err)
			}
			if !slices.Contains(src.WeightFiles(), tensor.File) {
				t.Errorf("%s: tensor %s is said to be in %s", name, tensor.Name, tensor.File)
			}
		}
		if got := strings.Join(names, " "); got != c.tensors || len(src.WeightFiles()) != c.count {
			t.Errorf("%s: tensors %s in %d files", name, got, len(src.WeightFiles()))
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestShardsRefused(t *testing.T) {
	const indexName = "model.safetensors.index.json"
	for name, c := range map[string]struct {
		files map[string]string
		want  error
	}{
		"nothing":            {nil, checkpoint.ErrUnknown},
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
		src, err := checkpoint.Open(t.Context(), dir, checkpoint.Options{})
		if !errors.Is(err, c.want) || src != nil {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), filepath.Base(dir)) {
			t.Errorf("%s: %q does not name the place", name, err)
		}
	}
	if _, err := safetensors.Open(t.TempDir()); !errors.Is(err, regularfile.ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
}

// TestTorchShards: the same for PyTorch's files.
func TestTorchShards(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("../internal/torch/testdata", name))
		must(t, err)
		return b
	}
	shard, other := read("pytorch_model-00001-of-00002.bin"), read("pytorch_model-00002-of-00002.bin")
	both := read("pytorch_model.bin.index.json")
	for index, want := range map[string]error{
		string(both):                                   nil,
		`{"weight_map": {"a": "missing.bin"}}`:         fs.ErrNotExist,
		`{"weight_map": {"a": "broken.bin"}}`:          torch.ErrTruncated,
		`{"weight_map": {"a": "../a.bin"}}`:            torch.ErrIndex,
		`{"weight_map": {"a": "a.safetensors"}}`:       torch.ErrIndex,
		`{"weight_map": {}}`:                           torch.ErrIndex,
		`[]`:                                           torch.ErrIndex,
		`{"weight_map": {"x": "a.bin", "y": "b.bin"}}`: torch.ErrIndex, // the same tensors in both
	} {
		dir := t.TempDir()
		for name, content := range map[string][]byte{
			"pytorch_model.bin.index.json": []byte(index), "pytorch_model-00001-of-00002.bin": shard, "pytorch_model-00002-of-00002.bin": other,
			"broken.bin": []byte("PK\x03\x04"), "a.bin": shard, "b.bin": shard,
		} {
			must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
		}
		src, err := checkpoint.Open(t.Context(), dir, checkpoint.Options{})
		if !errors.Is(err, want) || (src == nil) != (want != nil) {
			t.Errorf("%s: %v, want %v", index, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %q does not name the place", index, err)
		}
		if src != nil {
			if len(src.Tensors()) != 3 {
				t.Errorf("%s: %d tensors", index, len(src.Tensors()))
			}
			must(t, src.Close())
		}
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
		path := filepath.Join(dir, "x.safetensors.index.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := checkpoint.Open(t.Context(), path, checkpoint.Options{})
		if err != nil {
			return
		}
		defer src.Close()
		if files := src.WeightFiles(); len(files) != 1 || files[0] != "m.safetensors" || len(src.Tensors()) != 1 {
			t.Fatalf("%q opened %v", text, files)
		}
	})
}
