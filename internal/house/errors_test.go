package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

var sentinel = regexp.MustCompile(`^Err[A-Z]`)

// TestErrorsHappen: every sentinel error of a public package is used besides its declaration,
// outside of the command line and of comparisons by errors.Is, so something can return it. One
// that is another under a public name is used where that is.
func TestErrorsHappen(t *testing.T) {
	h := load(t)
	declared, used := map[string]string{}, map[string]bool{}
	for _, p := range h.packages {
		if p.Name == "main" {
			continue
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			sentinels(h, p, file, declared, used)
		}
	}
	if len(declared) < 50 {
		t.Errorf("only %d sentinel errors are found", len(declared))
	}
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if isInternal(name) {
			continue
		}
		first := name
		for declared[first] != "" {
			first = declared[first]
		}
		if !used[first] {
			wrong = append(wrong, name)
		}
	}
	expect(t, wrong, []string{})
}

// sentinels finds what errors a file declares, with what they are another name for, and which
// it uses.
func sentinels(h *house, p *pkg, file *ast.File, declared map[string]string, used map[string]bool) {
	imports := map[string]string{} // paths within the module by name in the file
	for _, i := range file.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if path = h.path(path); path != "" {
			imports[filepath.Base(path)] = path
			if i.Name != nil {
				imports[i.Name.Name] = path
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			values := map[string]bool{}
			for _, v := range n.Values {
				ast.Inspect(v, func(n ast.Node) bool { return use(p, n, imports, values) })
			}
			if !sentinel.MatchString(n.Names[0].Name) {
				maps.Copy(used, values)
				return false
			}
			name := p.path + "." + n.Names[0].Name
			declared[name] = ""
			if len(n.Values) == 1 && len(values) == 1 && !isCall(n.Values[0]) {
				for other := range values {
					declared[name] = other
				}
			} else {
				maps.Copy(used, values) // in an error that wraps others
			}
			return false
		}
		return use(p, n, imports, used)
	})
}

func isCall(e ast.Expr) bool {
	_, ok := e.(*ast.CallExpr)
	return ok
}

// use adds a sentinel error that a node is; comparisons are not looked into.
func use(p *pkg, n ast.Node, imports map[string]string, used map[string]bool) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Is" {
			return false
		}
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); ok && imports[x.Name] != "" {
			used[imports[x.Name]+"."+n.Sel.Name] = true
			return false
		}
	case *ast.Ident:
		used[p.path+"."+n.Name] = true
	}
	return true
}
