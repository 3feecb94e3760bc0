package regularfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("seven b"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := []string{path}
	if link := filepath.Join(dir, "link"); os.Symlink(path, link) == nil {
		names = append(names, link)
	}
	for _, name := range names {
		f, size, err := regularfile.Open(name)
		if err != nil || size != 7 {
			t.Fatalf("%s: %d bytes, %v", name, size, err)
		}
		f.Close()
	}
}

func TestReadAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("seven b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := regularfile.ReadAll(path, 7); err != nil || string(text) != "seven b" {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := regularfile.ReadAll(path, 6); !errors.Is(err, regularfile.ErrTooLarge) || text != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := regularfile.ReadAll(filepath.Dir(path), 7); !errors.Is(err, regularfile.ErrNotRegular) {
		t.Errorf("a directory: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := regularfile.Open(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	for path, noun := range map[string]string{dir: "directory", os.DevNull: "device"} {
		_, _, err := regularfile.Open(path)
		if !errors.Is(err, regularfile.ErrNotRegular) || !strings.HasPrefix(err.Error(), path+": not a regular file: it is a ") {
			t.Errorf("%s: %v", path, err)
		} else if path == dir && !strings.HasSuffix(err.Error(), noun) {
			t.Errorf("%s: %v, want a %s", path, err, noun)
		}
	}
}

func TestNoun(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		fs.ModeDir: "directory", fs.ModeSymlink: "symbolic link", fs.ModeNamedPipe: "named pipe", fs.ModeSocket: "socket",
		fs.ModeDevice: "device", fs.ModeDevice | fs.ModeCharDevice: "device", fs.ModeIrregular: "special file",
	} {
		if got := regularfile.Noun(mode | 0o644); got != want {
			t.Errorf("%v: %q, want %q", mode, got, want)
		}
	}
}

func Example() {
	_, _, err := regularfile.Open(".")
	fmt.Println(err)
	// Output: .: not a regular file: it is a directory
}
