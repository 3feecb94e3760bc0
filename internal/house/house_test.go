package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// pkg is a package as "go list" tells it.
type pkg struct {
	ImportPath, Name, Dir, Doc, Export string
	Standard                           bool
	Imports                            []string
	GoFiles, XTestGoFiles              []string
	Module                             *struct{ Path, Dir string }

	path string // within the module; "helix" is the module's root
}

// house is the module and what it needs.
type house struct {
	packages []*pkg            // of the module
	exports  map[string]string // files of export data by import path
	root     string            // directory
	module   string            // path
}

// open lists the packages once.
var open = sync.OnceValues(func() (*house, error) {
	command := exec.Command("go", "list", "-export", "-deps",
		"-json=ImportPath,Name,Dir,Doc,Export,Standard,Imports,GoFiles,XTestGoFiles,Module", "../../...")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return nil, errors.Join(err, errors.New(stderr.String()))
	}
	h := &house{exports: map[string]string{}}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &pkg{}
		if err := d.Decode(p); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		h.exports[p.ImportPath] = p.Export
		if p.Module == nil || p.ImportPath != p.Module.Path && !strings.HasPrefix(p.ImportPath, p.Module.Path+"/") || p.Standard {
			continue
		}
		h.packages = append(h.packages, p)
	}
	// The packages of other modules come along as dependencies.
	self := slices.IndexFunc(h.packages, func(p *pkg) bool { return strings.HasSuffix(p.ImportPath, "/internal/house") })
	if self < 0 {
		return nil, errors.New("go list does not know this package")
	}
	h.module, h.root = h.packages[self].Module.Path, h.packages[self].Module.Dir
	h.packages = slices.DeleteFunc(h.packages, func(p *pkg) bool { return p.Module.Path != h.module })
	for _, p := range h.packages {
		p.path = h.path(p.ImportPath)
		// What is looked at is what "go test" takes a result in its cache to depend on.
		for _, name := range append(p.GoFiles, ".", "..") {
			if _, err := os.Stat(filepath.Join(p.Dir, name)); err != nil {
				return nil, err
			}
		}
	}
	return h, nil
})

// load returns the module, or skips where there is no go command.
func load(t *testing.T) *house {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command")
	}
	h, err := open()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// path returns an import path within the module, empty for another's.
func (h *house) path(importPath string) string {
	if importPath == h.module {
		return "helix"
	}
	path, ok := strings.CutPrefix(importPath, h.module+"/")
	if !ok {
		return ""
	}
	return path
}

// isInternal tells a package that only this module can import.
func isInternal(path string) bool {
	return strings.HasPrefix(path, "internal/") || strings.Contains(path, "/internal/")
}

// public lists the packages that others can import.
func (h *house) public() []*pkg {
	var list []*pkg
	for _, p := range h.packages {
		if p.Name != "main" && !isInternal(p.path) {
			list = append(list, p)
		}
	}
	return list
}

// neighbours lists the packages of the module that one imports.
func (h *house) neighbours(p *pkg) []string {
	var list []string
	for _, i := range p.Imports {
		if path := h.path(i); path != "" {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

// expect compares what is wrong with the known exceptions: what is new fails, and so does an
// exception that is no longer needed.
func expect(t *testing.T, wrong, known []string) {
	t.Helper()
	for _, w := range wrong {
		if !slices.Contains(known, w) {
			t.Error(w)
		}
	}
	for _, k := range known {
		if !slices.Contains(wrong, k) {
			t.Errorf("no longer so, take it out of the exceptions: %s", k)
		}
	}
}
