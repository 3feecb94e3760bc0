// Package converttest converts checkpoints for the tests of packages that package convert imports: their external tests import
// it, and hand it on to those in the package.
package converttest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
)

// made are the model directories of a test program: many tests want the same one, and that conversions of the same are the same is what package convert's tests
// look for.
var made struct {
	sync.Mutex
	dir string // "": none is kept
}

// Run runs a package's tests, of which each conversion is made once. It is for TestMain, which exits with what it returns.
func Run(m *testing.M) (code int) {
	var err error
	if made.dir, err = os.MkdirTemp("", "converttest"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(made.dir)
	return m.Run()
}

// To converts a checkpoint to a model directory with options of the command line, such as "bits=4.5"; the method is entropy
// unless one says otherwise. The directory is the caller's, who may damage it.
func To(t testing.TB, source, output string, options ...string) {
	t.Helper()
	o := convert.Options{Method: convert.Entropy}
	for _, option := range options {
		name, text, _ := strings.Cut(option, "=")
		if err := o.Set(name, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := to(t, source, output, o); err != nil {
		t.Fatal(err)
	}
}

func to(t testing.TB, source, output string, o convert.Options) error {
	made.Lock()
	defer made.Unlock()
	if made.dir == "" {
		_, err := convert.Directory(t.Context(), convert.Job{Source: source, Output: output, Options: o})
		return err
	}
	key, err := keyOf(source, o)
	if err != nil {
		return err
	}
	kept := filepath.Join(made.dir, key)
	if _, err := os.Stat(kept); err != nil {
		if _, err := convert.Directory(t.Context(), convert.Job{Source: source, Output: kept, Options: o}); err != nil {
			return err
		}
	}
	return os.CopyFS(output, os.DirFS(kept))
}

// keyOf returns what tells a conversion's result: the source's name and files, options and what the environment says of the processor.
func keyOf(source string, o convert.Options) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%+v\n%s\n", o, os.Getenv("HELIX_CPU"))
	parent := os.DirFS(filepath.Dir(source))
	err := fs.WalkDir(parent, filepath.Base(source), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(parent, name)
		fmt.Fprintf(h, "%s %d\n", name, len(data))
		h.Write(data)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}
