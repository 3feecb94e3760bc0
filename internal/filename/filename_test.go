package filename_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/filename"
)

// tricks are names that lead elsewhere, or mean something else, on some system.
var tricks = []string{
	"", ".", "..", "../x", "a/../x", "a/..", "./a", "/etc/passwd", "a//b", "a/", `..\x`, `a\b`, `\\host\share`, "C:x", `C:\x`, "x:stream", "NUL", "nul.txt",
	"a/CON", "com1", "COM¹.x", "LPT9.json", "conin$", "x\x00y", "x\ny", "x\x7f", "x.", "x ", "a./b", "\xff", strings.Repeat("x", 256), strings.Repeat("a/", 600) + "x",
}

func TestCheck(t *testing.T) {
	for _, name := range tricks {
		if err := filename.Check(name); !errors.Is(err, filename.ErrUnsafe) || strings.ContainsAny(err.Error(), "\n\x00") || len(err.Error()) > 400 {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"manifest.json", "a/b/c.npy", ".hidden", "..x", "com", "com10", "nulx", "ä", "a b", "model.layers.0.weight.cdna2.hxz"} {
		if err := filename.Check(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestCheckAll(t *testing.T) {
	for _, names := range [][]string{
		{"a", "a"}, {"a", "A"}, {"x/ä", "X/a\u0308"}, {"a/b", "a"}, {"a", "A/b"}, {"ſ", "s"}, {"a/b/c", "A/B"}, {"ok", "../x"},
	} {
		if err := filename.CheckAll(names); !errors.Is(err, filename.ErrUnsafe) {
			t.Errorf("%q: %v", names, err)
		}
	}
	if err := filename.CheckAll([]string{"a/b", "a/c", "A/d/e", "b", "ä", "a/d/f"}); err != nil {
		t.Error(err)
	}
}

func FuzzCheck(f *testing.F) {
	for _, name := range tricks {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if filename.Check(name) == nil && !filepath.IsLocal(filepath.FromSlash(name)) {
			t.Fatalf("%q leaves the directory", name)
		}
	})
}

func ExampleCheckAll() {
	fmt.Println(filename.CheckAll([]string{"tensors/a.npy", "tensors/A.npy"}))
	// Output: "tensors/A.npy": unsafe file name: another has the same name, but for case, or lies below it
}
