package overwrite

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// lay makes the files, and links from names to what they lead to, in a directory of the
// test's own, which becomes the current one.
func lay(t *testing.T, files []string, links map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range links {
		if err := os.Symlink(to, name); err != nil {
			t.Skip(err)
		}
	}
}

// TestCheck: an output against an input, by every relation that harms, and by those near
// them that do not.
func TestCheck(t *testing.T) {
	lay(t, []string{"model/config.json", "model/sub/x", "other/file", "w.npy", "shards/m.index.json", "shards/a.safetensors"},
		map[string]string{"link": "model", "to-config": "model/config.json", "dangling": "model/new", "loop": "loop", "far": "link"})
	if err := os.Link("model/sub/x", "hard"); err != nil {
		t.Skip(err)
	}
	directory, weights := Input{"SRC", "model", Model}, Input{"--x", "w.npy", One}
	if err := os.WriteFile("model/model.sig", []byte(inToto), 0o666); err != nil { // of an earlier signing
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   Input
		out  string
		kind OutputKind
		want string // a part of the error; "" for none
	}{
		{weights, "w.npy", File, "that is --x w.npy"},
		{weights, "other/../w.npy", File, "that is"},
		{weights, ".", Directory, "directory around"},
		{weights, "w.npy.new", File, ""},
		{weights, "w", Keys, ""},
		{Input{"--x", "key.pub", One}, "key", Keys, "that is"},
		{Input{"--x", "log.tree", One}, "log", Log, "that is"},
		{Input{"--x", ".out.partial/x", One}, "out/", Directory, "directory around"},
		{weights, "-", File, "standard output"},
		{directory, "model", Directory, "that is"},
		{directory, "link", File, "that is"},
		{directory, "model/new", File, "lies in"},
		{directory, "far/deep/new", File, "lies in"},
		{directory, "dangling", File, "lies in"},
		{directory, "to-config", File, "lies in"},
		{directory, "hard", File, "a file of"},
		{directory, "model2", Directory, ""},
		{directory, "other/new", File, ""},
		{directory, "loop", File, ""},
		{directory, "model/model.sig", Signature, ""},
		{directory, "model/config.json", Signature, "lies in"},
		{directory, "model", Scratch, ""},
		{directory, "", File, ""},
		{Input{"SRC", "shards/m.index.json", Model}, "shards/a.safetensors", File, "a file of"},
		{Input{"SRC", "shards/m.index.json", Model}, "shards/b", File, ""},
		{Input{"SRC", "", Model}, "other/file", File, ""},
	} {
		err := Check([]Input{c.in}, []Output{{"-o", c.out, c.kind}})
		if (c.want == "") != (err == nil) || err != nil && (!errors.Is(err, ErrOutput) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %s, input %s: %v, want %q", c.kind, c.out, c.in.Path, err, c.want)
		}
	}
}

// TestOutputsMeet: two outputs are not each other, nor one in a directory that is made.
func TestOutputsMeet(t *testing.T) {
	lay(t, []string{"there"}, map[string]string{"link": "there"})
	for _, c := range []struct {
		a, b Output
		meet bool
	}{
		{Output{"-o", "x", File}, Output{"--receipt", "./x", File}, true},
		{Output{"-o", "x", File}, Output{"--receipt", "X", File}, true}, // some systems see no difference
		{Output{"-o", "x", File}, Output{"--receipt", "y", File}, false},
		{Output{"-o", "there", File}, Output{"--receipt", "link", File}, true},
		{Output{"-o", "dir", Directory}, Output{"--report", "dir/r.html", File}, true},
		{Output{"--report", "dir/r.html", File}, Output{"-o", "dir", Directory}, true},
		{Output{"-o", "dir", Directory}, Output{"--report", ".dir.lock", File}, true},
		{Output{"--log", "l", Log}, Output{"-o", "l.tree", File}, true},
		{Output{"-o", "dir", Directory}, Output{"--report", "dir2", File}, false},
	} {
		if err := Check(nil, []Output{c.a, c.b}); errors.Is(err, ErrOutput) != c.meet {
			t.Errorf("%s and %s: %v", c.a.Path, c.b.Path, err)
		}
	}
}

// TestParts: all parts of a split GGUF model are read with any of them.
func TestParts(t *testing.T) {
	lay(t, []string{"m-00001-of-00002.gguf", "m-00002-of-00002.gguf", "n-00001-of-00002.gguf"}, nil)
	if len(gguf.PartNames("m-00001-of-00002.gguf")) != 2 {
		t.Fatal("parts have other names")
	}
	in := []Input{{"SRC", "m-00001-of-00002.gguf", Model}}
	if err := Check(in, []Output{{"-o", "m-00002-of-00002.gguf", File}}); !errors.Is(err, ErrOutput) {
		t.Errorf("the other part: %v", err)
	}
	if err := Check(in, []Output{{"-o", "n-00001-of-00002.gguf", File}}); err != nil {
		t.Errorf("another model's part: %v", err)
	}
}

// TestForeign: a file is replaced by those of its kind alone.
func TestForeign(t *testing.T) {
	for kind, begin := range beginnings {
		for other, texts := range beginnings {
			for _, text := range texts {
				t.Chdir(t.TempDir())
				if err := os.WriteFile("there", []byte(text+"..."), 0o666); err != nil {
					t.Fatal(err)
				}
				known := slices.Contains(begin, text)
				if err := Check(nil, []Output{{"-o", "there", kind}}); errors.Is(err, ErrOutput) == known {
					t.Errorf("%s over %s, %.20q: %v", kind, other, text, err)
				}
			}
			if len(texts[0]) > longestBeginning {
				t.Errorf("%s begins in more than is read", other)
			}
		}
	}
}
