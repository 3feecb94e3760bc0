package atomicfile_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
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

func TestStalePartialIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path+atomicfile.Suffix, []byte("a much longer stale file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "new")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want(t, path, "new")
}

func TestRefusesWhatIsNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := atomicfile.Create(dir); !errors.Is(err, atomicfile.ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
	path := filepath.Join(dir, "a")
	if err := os.Mkdir(path+atomicfile.Suffix, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := atomicfile.Create(path); !errors.Is(err, atomicfile.ErrNotRegular) {
		t.Errorf("directory under the partial name: %v", err)
	}
	if _, err := atomicfile.Create(filepath.Join(dir, "missing", "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	link := filepath.Join(dir, "link")
	if os.Symlink(path, link) == nil {
		if _, err := atomicfile.Create(link); !errors.Is(err, atomicfile.ErrNotRegular) {
			t.Errorf("symbolic link: %v", err)
		}
	}
}

func TestSecondWriterTakesOver(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed on Windows: the second Create fails instead")
	}
	path := filepath.Join(t.TempDir(), "a")
	first, err := atomicfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := atomicfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	first.Write([]byte("first"))
	second.Write([]byte("second"))
	if err := first.Commit(); !errors.Is(err, atomicfile.ErrReplaced) {
		t.Fatalf("first writer: %v", err)
	}
	if err := second.Commit(); err != nil {
		t.Fatal(err)
	}
	want(t, path, "second")
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
