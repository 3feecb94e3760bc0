package atomicfile_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func want(t *testing.T, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Fatalf("%s holds %q (%v), want %q", filepath.Base(path), got, err, content)
	}
}

func TestCommitReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, content := range []string{"first version", "second"} {
		f, err := atomicfile.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content[:1])); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(content[1:]), 1); err != nil {
			t.Fatal(err)
		}
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		want(t, path, content)
		if got := names(t, dir); len(got) != 1 {
			t.Fatalf("directory holds %v", got)
		}
		f.Abort()
		want(t, path, content)
		if err := f.Commit(); !errors.Is(err, atomicfile.ErrClosed) {
			t.Fatalf("second commit: %v", err)
		}
	}
}

func TestAbortLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := atomicfile.Write(path, func(w io.Writer) error {
		io.WriteString(w, "half")
		want(t, path, "old")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	want(t, path, "old")
	if got := names(t, dir); len(got) != 1 {
		t.Fatalf("directory holds %v", got)
	}
}

// Whatever the files beside the target are called, they are not ours.
func TestNeighboursStay(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	neighbours := []string{"a.partial", ".a.partial", ".a.0.partial", "a.tmp", "a~"}
	for _, name := range neighbours {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, fail := range []error{nil, errors.New("broken")} {
		if err := atomicfile.Write(path, func(w io.Writer) error {
			io.WriteString(w, "new")
			return fail
		}); !errors.Is(err, fail) {
			t.Fatal(err)
		}
		want(t, path, "new")
		for _, name := range neighbours {
			want(t, filepath.Join(dir, name), "mine")
		}
		if got := names(t, dir); len(got) != len(neighbours)+1 {
			t.Fatalf("directory holds %v", got)
		}
	}
}

func TestRefusesWhatIsNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := atomicfile.Create(dir); !errors.Is(err, atomicfile.ErrTarget) || !strings.Contains(err.Error(), "directory") {
		t.Errorf("directory: %v", err)
	}
	if _, err := atomicfile.Create(filepath.Join(dir, "missing", "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	link := filepath.Join(dir, "link")
	if os.Symlink(filepath.Join(dir, "a"), link) == nil {
		if _, err := atomicfile.Create(link); !errors.Is(err, atomicfile.ErrTarget) || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("symbolic link: %v", err)
		}
	}
}

// Names may be as long as the file system takes, though the partial one is longer.
func TestLongNames(t *testing.T) {
	for _, name := range []string{strings.Repeat("x", 255), strings.Repeat("ü", 127)} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Logf("no such name here: %v", err)
			continue
		}
		if err := atomicfile.Write(path, func(w io.Writer) error {
			_, err := io.WriteString(w, "whole")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		want(t, path, "whole")
	}
}

func TestPermissionsAreTheUsualOnes(t *testing.T) {
	dir := t.TempDir()
	usual, ours := filepath.Join(dir, "usual"), filepath.Join(dir, "ours")
	if err := os.WriteFile(usual, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(ours, func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	a, err := os.Stat(usual)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Stat(ours)
	if err != nil || a.Mode() != b.Mode() {
		t.Errorf("%v (%v), want %v", b.Mode(), err, a.Mode())
	}
}

// Two writers of one target do not meet: each file is whole, and the last to
// commit gives its own the name.
func TestTwoWriters(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	first, err := atomicfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := atomicfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		io.WriteString(first, "first ")
		io.WriteString(second, "second ")
	}
	if err := second.Commit(); err != nil {
		t.Fatal(err)
	}
	want(t, path, strings.Repeat("second ", 1000))
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	want(t, path, strings.Repeat("first ", 1000))
	if got := names(t, dir); len(got) != 1 {
		t.Fatalf("directory holds %v", got)
	}

	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if err := atomicfile.Write(path, func(w io.Writer) error {
				for range 100 {
					io.WriteString(w, string(rune('a'+i)))
				}
				return nil
			}); err != nil && runtime.GOOS != "windows" { // where two renames at once may collide
				t.Error(err)
			}
		})
	}
	group.Wait()
	text, err := os.ReadFile(path)
	if err != nil || len(text) != 100 || strings.Trim(string(text), string(text[:1])) != "" {
		t.Errorf("%q (%v)", text, err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Fatalf("directory holds %v", got)
	}
}

func TestFailedWriteForbidsCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	f, err := atomicfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), -1); err == nil {
		t.Fatal("a negative offset was accepted")
	}
	if err := f.Commit(); err == nil {
		t.Fatal("committed after a failed write")
	}
	if got := names(t, filepath.Dir(path)); len(got) != 0 {
		t.Fatalf("directory holds %v", got)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "atomicfile")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "greeting.txt")
	err = atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "whole or absent\n")
		return err
	})
	text, _ := os.ReadFile(path)
	fmt.Printf("%v %s", err, text)
	// Output: <nil> whole or absent
}
