package house

import (
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// bracketed is what is meant as a link to something in Go: [Plan], [Session.Forward], [cdna.Off].
var bracketed = regexp.MustCompile(`\[\*?([a-z]+\.)?[A-Z][A-Za-z0-9.]*\]`)

// TestLinks: what a comment names in brackets is there, so that none speaks of what was
// renamed or has moved away.
func TestLinks(t *testing.T) {
	h := load(t)
	links := 0
	for _, p := range h.packages {
		files := token.NewFileSet()
		var parsed []*ast.File
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, file)
		}
		d, err := doc.NewFromFiles(files, parsed, p.ImportPath, doc.AllDecls|doc.PreserveAST)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range comments(d) {
			for _, block := range d.Parser().Parse(c).Content {
				paragraph, ok := block.(*comment.Paragraph)
				if !ok {
					continue
				}
				for _, part := range paragraph.Text {
					if plain, ok := part.(comment.Plain); ok {
						for _, name := range bracketed.FindAllString(string(plain), -1) {
							t.Errorf("%s: a comment names %s, which is not there", p.path, name)
						}
					} else if _, ok := part.(*comment.DocLink); ok {
						links++
					}
				}
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links are found", links)
	}
}

// comments lists those of a package and of all that it declares.
func comments(p *doc.Package) []string {
	list := []string{p.Doc}
	values := func(v []*doc.Value) {
		for _, v := range v {
			list = append(list, v.Doc)
		}
	}
	funcs := func(f []*doc.Func) {
		for _, f := range f {
			list = append(list, f.Doc)
		}
	}
	values(slices.Concat(p.Consts, p.Vars))
	funcs(p.Funcs)
	for _, t := range p.Types {
		list = append(list, t.Doc)
		values(slices.Concat(t.Consts, t.Vars))
		funcs(slices.Concat(t.Funcs, t.Methods))
	}
	return list
}
