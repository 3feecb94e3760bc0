package convert

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oldJournal is a journal as the version before headers wrote it.
func oldJournal() string {
	text := `{"key":"k","name":"norm.weight","entry":{"file":"norm.weight.npy"},"report":{}}`
	return checksum([]byte(text)) + " " + text + "\n"
}

// TestForeign: whatever is in the way of a conversion and not provably its own stays as
// it is, and the conversion refuses in a line that names it.
func TestForeign(t *testing.T) {
	src := small(t, 1)
	// Each makes what is in the way in dir and says what the line must name.
	for name, lay := range map[string]func(t *testing.T, dir string) string{
		"a directory with a journal of something else": func(t *testing.T, dir string) string {
			mkdir(t, filepath.Join(dir, "out", "sub"))
			write(t, filepath.Join(dir, "out", journalName), "my diary")
			write(t, filepath.Join(dir, "out", "sub", "photo"), "precious")
			return "out"
		},
		"a directory with an old journal": func(t *testing.T, dir string) string {
			mkdir(t, filepath.Join(dir, "out"))
			write(t, filepath.Join(dir, "out", journalName), oldJournal())
			write(t, filepath.Join(dir, "out", "norm.weight.npy"), "precious")
			return "out"
		},
		"an empty directory": func(t *testing.T, dir string) string {
			mkdir(t, filepath.Join(dir, "out"))
			return "out"
		},
		"a directory with an empty journal": func(t *testing.T, dir string) string {
			mkdir(t, filepath.Join(dir, "out"))
			write(t, filepath.Join(dir, "out", journalName), "")
			return "out"
		},
		"a directory with a conversion's journal of another output": func(t *testing.T, dir string) string {
			mkdir(t, filepath.Join(dir, "out"))
			_, header, err := newJournal("other")
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "out", journalName), string(header))
			return "out"
		},
		"a link to a directory with a journal": func(t *testing.T, dir string) string {
			interrupt(t, Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}, 3)
			rename(t, unfinished(dir), filepath.Join(dir, "real"))
			link(t, filepath.Join(dir, "real"), filepath.Join(dir, "out"))
			return "out"
		},
		"a link in the unfinished directory's place": func(t *testing.T, dir string) string {
			interrupt(t, Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}, 3)
			rename(t, unfinished(dir), filepath.Join(dir, "real"))
			link(t, filepath.Join(dir, "real"), unfinished(dir))
			return ".out.partial"
		},
		"an unfinished directory without a journal": func(t *testing.T, dir string) string {
			mkdir(t, unfinished(dir))
			write(t, filepath.Join(unfinished(dir), "precious"), "mine")
			return "precious"
		},
		"an unfinished directory with another's journal": func(t *testing.T, dir string) string {
			mkdir(t, unfinished(dir))
			write(t, filepath.Join(unfinished(dir), journalName), "my diary")
			return ".out.partial"
		},
		"an unfinished directory with an old journal": func(t *testing.T, dir string) string {
			mkdir(t, unfinished(dir))
			write(t, filepath.Join(unfinished(dir), journalName), oldJournal())
			return "by hand"
		},
		"a torn header beside a file": func(t *testing.T, dir string) string {
			mkdir(t, unfinished(dir))
			write(t, filepath.Join(unfinished(dir), journalName), "")
			write(t, filepath.Join(unfinished(dir), "precious"), "mine")
			return "precious"
		},
		"a journal that is a link": func(t *testing.T, dir string) string {
			interrupt(t, Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}, 3)
			rename(t, filepath.Join(unfinished(dir), journalName), filepath.Join(dir, "real"))
			link(t, filepath.Join(dir, "real"), filepath.Join(unfinished(dir), journalName))
			return journalName
		},
		"a file in an unfinished conversion": func(t *testing.T, dir string) string {
			interrupt(t, Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}, 3)
			write(t, filepath.Join(unfinished(dir), "thesis.txt"), "mine")
			return "thesis.txt"
		},
		"a file of a tensor's name that is not in the journal": func(t *testing.T, dir string) string {
			interrupt(t, Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}, 1)
			for _, name := range []string{"norm.weight.npy", "a_weight.cdna2.hxz"} {
				if _, err := os.Stat(filepath.Join(unfinished(dir), name)); err != nil {
					write(t, filepath.Join(unfinished(dir), name), "mine")
					return name
				}
			}
			t.Fatal("both tensors are done")
			return ""
		},
		"somebody's half-written file": func(t *testing.T, dir string) string {
			interrupt(t, Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}, 3)
			write(t, filepath.Join(unfinished(dir), ".a_weight.cdna2.hxz.12345678.partial"), "mine")
			return "12345678"
		},
		"a directory in an unfinished conversion": func(t *testing.T, dir string) string {
			interrupt(t, Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}, 3)
			mkdir(t, filepath.Join(unfinished(dir), "."+identity(t, unfinished(dir))+".sub"))
			write(t, filepath.Join(unfinished(dir), "."+identity(t, unfinished(dir))+".sub", "photo"), "mine")
			return ".sub"
		},
		"a flipped bit in a tensor's line": func(t *testing.T, dir string) string {
			interrupt(t, Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}, 3)
			text, err := readJournal(unfinished(dir))
			if err != nil {
				t.Fatal(err)
			}
			text[bytes.IndexByte(text, '\n')+100] ^= 1
			write(t, filepath.Join(unfinished(dir), journalName), string(text))
			return ".out.partial"
		},
		"a link in a tensor's place": func(t *testing.T, dir string) string {
			interrupt(t, Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}, 6)
			name := filepath.Join(unfinished(dir), "a_weight.cdna2.hxz")
			rename(t, name, filepath.Join(dir, "real"))
			link(t, filepath.Join(dir, "real"), name)
			return "a_weight.cdna2.hxz"
		},
		"a file of the lock's name": func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, ".out.lock"), "the key to my heart")
			return ".out.lock"
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			named := lay(t, dir)
			before := entries(t, dir)
			_, err := Directory(t.Context(), Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"})
			if !errors.Is(err, ErrExists) && !errors.Is(err, ErrForeign) {
				t.Fatalf("%v, want ErrExists or ErrForeign", err)
			}
			if !strings.Contains(err.Error(), named) {
				t.Errorf("%q does not name %s", err, named)
			}
			after := entries(t, dir)
			if len(after) != len(before) {
				t.Errorf("%d files, were %d", len(after), len(before))
			}
			for path, text := range before {
				if after[path] != text {
					t.Errorf("%s has changed", path)
				}
			}
		})
	}
}

// TestForeignLater: what appears while a conversion runs is not published with it.
func TestForeignLater(t *testing.T) {
	dir := t.TempDir()
	job := Job{Source: small(t, 1), Output: filepath.Join(dir, "out"), ModelID: "m"}
	thesis := filepath.Join(unfinished(dir), "thesis.txt")
	job.Progress = func(int64, int64, string) { write(t, thesis, "mine") }
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "thesis.txt") {
		t.Errorf("%v, want ErrForeign", err)
	}
	if b, err := os.ReadFile(thesis); string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	rename(t, thesis, filepath.Join(dir, "thesis.txt"))
	job.Progress = nil
	if r := convertAll(t, job); r.Resumed != 6 {
		t.Errorf("%d tensors resumed", r.Resumed)
	}
	onlyIn(t, dir, "out", "thesis.txt")
}

// TestForeignInCalibration: what lies where a calibration works is named.
func TestForeignInCalibration(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	job := Job{Source: demoCheckpoint(t), Output: filepath.Join(dir, "out"), Calibration: Calibration{Tokens: few, Progress: func(p CalibrationProgress) {
		if p.Layer == 2 {
			cancel()
		}
	}}}
	if _, err := Directory(ctx, job); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	thesis := filepath.Join(unfinished(dir), "."+identity(t, unfinished(dir))+"."+calibrationName, "thesis.txt")
	write(t, thesis, "mine")
	job.Calibration = Calibration{Off: true} // which has no use for what the calibration left
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "thesis.txt") {
		t.Errorf("%v, want ErrForeign", err)
	}
	if b, err := os.ReadFile(thesis); string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestTornHeader: a conversion that was killed while it began is taken up.
func TestTornHeader(t *testing.T) {
	if testing.Short() {
		t.Skip("converts ten times")
	}
	src, whole := small(t, 1), filepath.Join(t.TempDir(), "whole")
	convertAll(t, Job{Source: src, Output: whole, ModelID: "m"})
	_, header, err := newJournal("out")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{-1, 0, 1, 63, 64, 65, 80, 100, len(header) - 1, len(header)} {
		dir := t.TempDir()
		mkdir(t, unfinished(dir))
		if n >= 0 {
			write(t, filepath.Join(unfinished(dir), journalName), string(header[:n]))
		}
		job := Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}
		convertAll(t, job)
		onlyIn(t, dir, "out")
		sameContents(t, job.Output, whole)
	}
	for _, text := range []string{"my diary", strings.Repeat("a", 65), strings.Repeat("a", 64) + " my", string(header[:70]) + "\n", strings.Repeat("A", 3)} {
		if tornHeader([]byte(text)) {
			t.Errorf("%q is taken for a header", text)
		}
	}
}

// FuzzJournal: no journal names files outside its directory, or itself.
func FuzzJournal(f *testing.F) {
	_, header, err := newJournal("out")
	if err != nil {
		f.Fatal(err)
	}
	line := func(l journalLine) []byte {
		b, err := encodeLine(l)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	f.Add(header)
	f.Add(append(header, line(journalLine{File: "config.json"})...))
	f.Add(append(header, line(journalLine{File: "../config.json"})...))
	f.Add([]byte(oldJournal()))
	f.Fuzz(func(t *testing.T, text []byte) {
		j, err := parseJournal(text, "out")
		if err != nil {
			return
		}
		if j.sound > int64(len(text)) {
			t.Fatalf("%d sound bytes of %d", j.sound, len(text))
		}
		for name := range j.made {
			if name != filepath.Base(name) || name == journalName || name == ".." || name == "." {
				t.Fatalf("file name %q", name)
			}
		}
	})
}

// entries is contents, of links too, which are not followed.
func entries(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		var text []byte
		switch {
		case err != nil:
		case d.Type()&fs.ModeSymlink != 0:
			var to string
			to, err = os.Readlink(path)
			text = []byte("-> " + to)
		case !d.IsDir():
			text, err = os.ReadFile(path)
		}
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func mkdir(t testing.TB, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o777); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t testing.TB, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Skip("no symbolic links here:", err)
	}
}
