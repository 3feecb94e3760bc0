package torch_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/torch"
)

func TestOpenIndex(t *testing.T) {
	set, err := torch.OpenSet("testdata/pytorch_model.bin.index.json")
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	all := expected(t)
	n := 0
	for _, f := range set.Files() {
		want := all[filepath.Base(f.Path())]
		check(t, f, want)
		for name := range want {
			tensor, ok := set.Tensor(name)
			if !ok || tensor.File != f.Path() {
				t.Errorf("%s is not in %s", name, f.Path())
			}
			n++
		}
	}
	if n != 3 || len(set.Tensors()) != n || len(set.Files()) != 2 {
		t.Errorf("%d tensors, %d listed, %d files", n, len(set.Tensors()), len(set.Files()))
	}
}

func TestChoose(t *testing.T) {
	for names, want := range map[string]string{
		"config.json pytorch_model.bin training_args.bin":           "pytorch_model.bin",
		"pytorch_model.bin pytorch_model.bin.index.json":            "pytorch_model.bin",
		"a-1.bin a-2.bin pytorch_model.bin.index.json":              "pytorch_model.bin.index.json",
		"a-1.bin a-2.bin a.bin.index.json":                          "a.bin.index.json",
		"consolidated.00.pth params.json":                           "consolidated.00.pth",
		"consolidated.pth params.json other.pth":                    "consolidated.pth",
		"model.pt vocab.txt .hidden.pt":                             "model.pt",
		"consolidated.00.pth consolidated.01.pth pytorch_model.bin": "pytorch_model.bin",
	} {
		if got, err := torch.Choose(strings.Fields(names)); got != want || err != nil {
			t.Errorf("%s: %q %v", names, got, err)
		}
	}
	for names, want := range map[string]error{
		"": fs.ErrNotExist, "config.json model.safetensors": fs.ErrNotExist,
		"a.bin b.pth": torch.ErrIndex, "a.bin.index.json b.bin.index.json": torch.ErrIndex,
		"consolidated.00.pth consolidated.01.pth": torch.ErrIndex,
	} {
		if got, err := torch.Choose(strings.Fields(names)); got != "" || !errors.Is(err, want) {
			t.Errorf("%s: %q %v", names, got, err)
		}
	}
}

// directory writes an index and the shards a.bin with the tensor a and b.bin with b.
func directory(t *testing.T, index string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"pytorch_model.bin.index.json": index,
		"a.bin":                        string(packPickle(save(str("a"), good))),
		"b.bin":                        string(packPickle(save(str("b"), good))),
		"both.bin":                     string(packPickle(save(str("a"), good, str("b"), good))),
		"broken.bin":                   "PK\x03\x04",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpenDir(t *testing.T) {
	for index, want := range map[string]error{
		`{"weight_map": {"a": "a.bin", "b": "b.bin"}}`:                      nil,
		`{"weight_map": {"a": "both.bin", "b": "both.bin"}, "metadata": 1}`: nil,
		`{"weight_map": {"a": "missing.bin"}}`:                              fs.ErrNotExist,
		`{"weight_map": {"a": "broken.bin"}}`:                               torch.ErrTruncated,
		`{"weight_map": {"a": "a.bin", "c": "b.bin"}}`:                      nil,
		`{"weight_map": {"a": "both.bin"}}`:                                 nil,
		`{"weight_map": {"a": "both.bin", "b": "b.bin"}}`:                   nil,
		`{"weight_map": {"a": "both.bin", "c": "b.bin"}}`:                   torch.ErrIndex,
		`{"weight_map": {"a": "../a.bin"}}`:                                 torch.ErrIndex,
		`{"weight_map": {"a": "a.safetensors"}}`:                            torch.ErrIndex,
		`{"weight_map": {}}`:                                                torch.ErrIndex,
		`[]`:                                                                torch.ErrIndex,
	} {
		dir := directory(t, index)
		set, err := torch.OpenSet(dir)
		if !errors.Is(err, want) || (set == nil) != (want != nil) {
			t.Errorf("%s: %v, want %v", index, err, want)
		}
		if set == nil {
			if err != nil && !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: %q does not name the place", index, err)
			}
			continue
		}
		if len(set.Tensors()) != 2 {
			t.Errorf("%s: %d tensors", index, len(set.Tensors()))
		}
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := torch.OpenSet("missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := torch.Open(t.TempDir()); !errors.Is(err, regularfile.ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
	if _, err := torch.OpenSet(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty directory: %v", err)
	}
}
