package gguf_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// writeSplit writes a model in three parts, changed by the function, and returns
// the path of the first.
func writeSplit(t *testing.T, change func(part int, entries *[]gguf.Entry, metadata *[]gguf.Pair)) string {
	dir := t.TempDir()
	for i := range 3 {
		entries := []gguf.Entry{{Name: fmt.Sprintf("t%d", i), Type: gguf.I8, Shape: []int{2}, Data: []byte{byte(i), 7}}}
		metadata := []gguf.Pair{{Key: "split.no", Value: uint16(i)}, {Key: "split.count", Value: uint16(3)}, {Key: "split.tensors.count", Value: int32(3)}}
		if i == 0 {
			metadata = append(metadata, gguf.Pair{Key: "general.architecture", Value: "llama"})
		}
		if change != nil {
			change(i, &entries, &metadata)
		}
		if err := gguf.Create(filepath.Join(dir, fmt.Sprintf("m-%05d-of-00003.gguf", i+1)), entries, metadata); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "m-00001-of-00003.gguf")
}

func TestSplit(t *testing.T) {
	first := writeSplit(t, nil)
	third := strings.Replace(first, "m-00001", "m-00003", 1)
	for _, path := range []string{first, third} {
		f, err := gguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if arch, err := f.String("general.architecture"); arch != "llama" || err != nil || len(f.Tensors()) != 3 || f.Name() != first {
			t.Errorf("%s: %q, %v, %d tensors, named %s", path, arch, err, len(f.Tensors()), f.Name())
		}
		for i, x := range f.Tensors() {
			if got := readTensor(t, x); got[0] != float32(i) || got[1] != 7 {
				t.Errorf("%s is %v", x.Name, got)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}

	if err := os.Rename(third, third+".gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := gguf.Open(first); !errors.Is(err, gguf.ErrSplit) || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "m-00003-of-00003.gguf") {
		t.Errorf("missing part: %v", err)
	}
	if _, err := gguf.Open(third); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	alone := filepath.Join(filepath.Dir(first), "alone.gguf")
	if err := os.Rename(first, alone); err != nil {
		t.Fatal(err)
	}
	if _, err := gguf.Open(alone); !errors.Is(err, gguf.ErrSplit) {
		t.Errorf("part under another name: %v", err)
	}
}

func TestBadSplits(t *testing.T) {
	for name, change := range map[string]func(part int, entries *[]gguf.Entry, metadata *[]gguf.Pair){
		"wrong number":   func(_ int, _ *[]gguf.Entry, m *[]gguf.Pair) { (*m)[0].Value = uint16(0) },
		"wrong count":    func(_ int, _ *[]gguf.Entry, m *[]gguf.Pair) { (*m)[1].Value = uint16(4) },
		"wrong tensors":  func(_ int, _ *[]gguf.Entry, m *[]gguf.Pair) { (*m)[2].Value = int32(4) },
		"no split keys":  func(_ int, _ *[]gguf.Entry, m *[]gguf.Pair) { *m = (*m)[2:] },
		"text as number": func(_ int, _ *[]gguf.Entry, m *[]gguf.Pair) { (*m)[0].Value = "0" },
		"same tensor":    func(_ int, e *[]gguf.Entry, _ *[]gguf.Pair) { (*e)[0].Name = "t" },
	} {
		if _, err := gguf.Open(writeSplit(t, change)); !isSentinel(err) {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// TestNeverSplit opens a file alone that says so in either way, by any name.
func TestNeverSplit(t *testing.T) {
	for _, metadata := range [][]gguf.Pair{
		nil,
		{{Key: "split.no", Value: uint16(0)}, {Key: "split.count", Value: uint16(0)}},
		{{Key: "split.no", Value: uint16(0)}, {Key: "split.count", Value: uint16(1)}, {Key: "split.tensors.count", Value: int32(0)}},
	} {
		for _, name := range []string{"m.gguf", "m-00001-of-00001.gguf"} {
			path := filepath.Join(t.TempDir(), name)
			if err := gguf.Create(path, nil, metadata); err != nil {
				t.Fatal(err)
			}
			f, err := gguf.Open(path)
			if err != nil {
				t.Error(err)
				continue
			}
			f.Close()
		}
	}
}

func TestPartNames(t *testing.T) {
	for name, want := range map[string]string{
		"m.gguf":                        "[m.gguf]",
		"a/m-00002-of-00002.gguf":       "[a/m-00001-of-00002.gguf a/m-00002-of-00002.gguf]",
		"m-00003-of-00002.gguf":         "[m-00003-of-00002.gguf]",
		"m-00000-of-00002.gguf":         "[m-00000-of-00002.gguf]",
		"m-1-of-2.gguf":                 "[m-1-of-2.gguf]",
		"m-00001-of-00001.gguf.partial": "[m-00001-of-00001.gguf.partial]",
	} {
		if got := fmt.Sprint(gguf.PartNames(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
