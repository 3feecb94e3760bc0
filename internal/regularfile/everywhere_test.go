package regularfile_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// mayOpen are the files that open what is no user's path, or have looked at it before.
var mayOpen = map[string]string{
	"internal/regularfile/regularfile.go": "this package",
	"internal/atomicfile/syncdir_unix.go": "a directory",
	"internal/procmem/trim_linux.go":      "/proc",
	"internal/procmem/procmem_linux.go":   "/proc",
	"demo/internal/pack/main.go":          "a developer's program",
}

// TestEverywhere: no other code of the module opens a file for reading by itself, so that
// a pipe, a device or a socket is refused wherever a file is meant.
func TestEverywhere(t *testing.T) {
	root := "../.."
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), "_") || path != root && strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return fs.SkipDir
		}
		name, err := filepath.Rel(root, path)
		if err != nil || d.IsDir() || strings.HasPrefix(filepath.ToSlash(name), "internal/attack/") || // a developer's program
			!strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || mayOpen[filepath.ToSlash(name)] != "" {
			return err
		}
		files++
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Open" || f.Sel.Name == "ReadFile") {
				if pkg, ok := f.X.(*ast.Ident); ok && pkg.Name == "os" {
					t.Errorf("%s: os.%s waits on a pipe: use package regularfile", positions.Position(call.Pos()), f.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || files < 200 {
		t.Fatalf("%d files, %v", files, err)
	}
}
