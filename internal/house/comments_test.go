package house

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// prose is what is written about the code.
type prose struct {
	place, text string
	comment     bool // else a document
}

// texts are the module's comments, but for its tests', and its documents.
func (h *house) texts(t *testing.T) (list []prose) {
	t.Helper()
	for _, p := range h.packages {
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range file.Comments {
				list = append(list, prose{p.path + "/" + name, c.Text(), true})
			}
		}
	}
	documents, err := filepath.Glob(filepath.Join(h.root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(documents, filepath.Join(h.root, "README.md")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, prose{filepath.Base(name), string(text), false})
	}
	return list
}

// scopes are the module's packages by name, and how to import any package.
func (h *house) scopes(t *testing.T) (map[string]*types.Package, types.Importer) {
	t.Helper()
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(h.exports[path]) }
	from := importer.ForCompiler(token.NewFileSet(), "gc", lookup)
	scopes := map[string]*types.Package{}
	for _, p := range h.packages {
		if p.Name == "main" {
			scopes[p.Name] = types.NewPackage(p.ImportPath, "main")
			continue
		}
		compiled, err := from.Import(p.ImportPath)
		if err != nil {
			t.Fatal(err)
		}
		scopes[p.Name] = compiled
	}
	return scopes, from
}

var qualified = regexp.MustCompile(`(^|[^\w./"])([a-z][a-z0-9]*)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)

// TestNamesAreThere: what comments and documents name of a package is there. TestLinks looks
// at what stands in brackets.
func TestNamesAreThere(t *testing.T) {
	h := load(t)
	scopes, _ := h.scopes(t)
	var wrong []string
	for _, p := range h.texts(t) {
		for _, m := range qualified.FindAllStringSubmatch(p.text, -1) {
			in := scopes[m[2]]
			if in == nil || m[2] == "main" || m[0] == " torch.Size" { // which is Python's
				continue
			}
			o := in.Scope().Lookup(m[3])
			if o != nil && m[4] != "" {
				o, _, _ = types.LookupFieldOrMethod(o.Type(), true, in, m[4])
			}
			if o == nil {
				wrong = append(wrong, p.place+": "+strings.TrimSpace(m[0]))
			}
		}
	}
	expect(t, wrong, nil)
}

var (
	fenced   = regexp.MustCompile("(?ms)^```go\n(.*?)^```")
	indented = regexp.MustCompile(`(?m)(?:^(?:\t.*)?\n)*^\t.*$`)
	// mistaken are the type checker's errors about code as such; what a piece of code leaves
	// undeclared, unused or declares again is its reader's.
	mistaken = regexp.MustCompile(`assignment mismatch|not enough arguments|too many arguments|undefined: \w+\.|\w\.\w+ undefined|cannot use|unknown field`)
)

// TestCodeInProse: the code in packages' comments and in documents calls what is there, as it
// is there.
func TestCodeInProse(t *testing.T) {
	h := load(t)
	_, from := h.scopes(t)
	imports := ""
	for _, name := range []string{"context", "fmt", "io", "log", "net/http"} {
		imports += fmt.Sprintf("import %q\n", name)
	}
	for _, p := range h.public() {
		imports += fmt.Sprintf("import %s %q\n", p.Name, p.ImportPath)
	}
	var wrong []string
	read := 0
	for _, p := range h.texts(t) {
		pieces := indented.FindAllString(p.text, -1)
		if !p.comment {
			pieces = nil
			for _, m := range fenced.FindAllStringSubmatch(p.text, -1) {
				pieces = append(pieces, m[1])
			}
		}
		for _, code := range pieces {
			lines := slices.DeleteFunc(strings.Split(code, "\n"), func(l string) bool { return strings.Trim(l, " \t.…") == "" })
			code = strings.NewReplacer("{...}", "{}", "{ ... }", "{ return nil }", "{..., ", "{").Replace(strings.Join(lines, "\n"))
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, "", "package p\n"+imports+"func _() {\n"+code+"\n}", 0)
			if err != nil {
				file, err = parser.ParseFile(set, "", "package p\n"+imports+code, 0)
			}
			if err != nil {
				continue // a table, a formula, another language
			}
			read++
			config := types.Config{Importer: from, Error: func(err error) {
				if e := err.(types.Error); mistaken.MatchString(e.Msg) {
					wrong = append(wrong, p.place+": "+strings.ReplaceAll(e.Msg, "\n", " "))
				}
			}}
			config.Check(path.Base(p.place), set, []*ast.File{file}, nil)
		}
	}
	if read < 30 {
		t.Errorf("only %d pieces of code were found", read)
	}
	slices.Sort(wrong)
	expect(t, slices.Compact(wrong), nil)
}
