package house

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPicture compares the picture in docs/ARCHITECTURE.md with the imports: a package imports
// only packages that stand below it. The picture is the first fenced block there, with a
// package at the beginning of a line; lines that begin with a space go on.
func TestPicture(t *testing.T) {
	h := load(t)
	text, err := os.ReadFile(filepath.Join(h.root, "docs", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n```\n")
	block, _, ok := strings.Cut(rest, "\n```\n")
	if !ok {
		t.Fatal("no picture")
	}
	var floors []string
	for line := range strings.Lines(block) {
		if name, _, _ := strings.Cut(line, " "); name != "" && strings.TrimSpace(line) != "" {
			floors = append(floors, strings.TrimSpace(name))
		}
	}
	at := map[string]int{}
	for i, name := range floors {
		if _, twice := at[name]; twice {
			t.Errorf("%s stands twice in the picture", name)
		}
		if !slices.ContainsFunc(h.packages, func(p *pkg) bool { return p.path == name }) {
			t.Errorf("%s of the picture is no package", name)
		}
		at[name] = i
	}
	for _, p := range h.packages {
		own, ok := at[p.path]
		if !ok {
			t.Errorf("%s is not in the picture", p.path)
			continue
		}
		for _, name := range h.neighbours(p) {
			if below, ok := at[name]; ok && below <= own {
				t.Errorf("%s imports %s, which stands above it", p.path, name)
			}
		}
	}
}

// TestCommandLine: cmd holds flags, printing and exit codes, and uses what a library user
// can use, but for what measures.
func TestCommandLine(t *testing.T) {
	const most = 18
	h := load(t)
	i := slices.IndexFunc(h.packages, func(p *pkg) bool { return p.path == "cmd/helix-substrate" })
	if i < 0 {
		t.Fatal("no cmd/helix-substrate")
	}
	imports := h.neighbours(h.packages[i])
	if n := len(imports); n > most {
		t.Errorf("%d packages are imported, %s; at most %d", n, strings.Join(imports, " "), most)
	}
	var wrong []string
	for _, name := range imports {
		if isInternal(name) && name != "internal/bench" {
			wrong = append(wrong, name)
		}
	}
	expect(t, wrong, nil)
}
