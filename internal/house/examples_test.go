package house

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"
)

// TestExamples: each public package says what it is for, and has an example that runs, in a
// file that imports what everybody can import.
func TestExamples(t *testing.T) {
	h := load(t)
	var wrong []string
	for _, p := range h.public() {
		if p.Doc == "" {
			wrong = append(wrong, p.path+" has no comment")
		}
		if !hasExample(t, h, p) {
			wrong = append(wrong, p.path+" has no example that runs")
		}
	}
	expect(t, wrong, []string{})
}

func hasExample(t *testing.T, h *house, p *pkg) bool {
	for _, name := range p.XTestGoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range doc.Examples(file) {
			if (e.Output != "" || e.EmptyOutput) && onlyPublic(h, file) {
				return true
			}
		}
	}
	return false
}

// onlyPublic tells whether a file imports nothing internal.
func onlyPublic(h *house, file *ast.File) bool {
	for _, i := range file.Imports {
		if path, _ := strconv.Unquote(i.Path.Value); isInternal(h.path(path)) {
			return false
		}
	}
	return true
}
