package house

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"slices"
	"testing"
)

// mention is a place of a public package's API where a type stands.
type mention struct {
	of    *types.TypeName
	place string          // "generate.Open", "stream.Matrix.Rows"
	owner *types.TypeName // the type whose method it is; nil for others
}

// api is what the public packages show.
type api struct {
	packages []*types.Package
	mentions []mention
}

// readAPI reads the compiled packages' export data.
func readAPI(t *testing.T, h *house) *api {
	t.Helper()
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(h.exports[path]) }
	from := importer.ForCompiler(token.NewFileSet(), "gc", lookup)
	a := &api{}
	for _, p := range h.public() {
		compiled, err := from.Import(p.ImportPath)
		if err != nil {
			t.Fatal(err)
		}
		a.packages = append(a.packages, compiled)
		for _, name := range compiled.Scope().Names() {
			if token.IsExported(name) {
				a.object(p.path, compiled.Scope().Lookup(name))
			}
		}
	}
	return a
}

// object adds what a package's identifier shows.
func (a *api) object(path string, o types.Object) {
	place := path + "." + o.Name()
	name, isType := o.(*types.TypeName)
	if !isType {
		a.mention(o.Type(), place, nil)
		return
	}
	if name.IsAlias() {
		a.mention(types.Unalias(name.Type()), place, nil)
		return
	}
	a.mention(name.Type().Underlying(), place, nil)
	methods := types.NewMethodSet(types.NewPointer(name.Type()))
	for i := range methods.Len() {
		if m := methods.At(i).Obj(); m.Exported() && !types.IsInterface(name.Type()) {
			a.mention(m.Type(), place+"."+m.Name(), name)
		}
	}
}

// mention adds the named types that one is made of.
func (a *api) mention(t types.Type, place string, owner *types.TypeName) {
	tuple := func(list *types.Tuple) {
		for v := range list.Variables() {
			a.mention(v.Type(), place, owner)
		}
	}
	switch t := t.(type) {
	case *types.Named:
		a.mentions = append(a.mentions, mention{t.Obj(), place, owner})
		for arg := range t.TypeArgs().Types() {
			a.mention(arg, place, owner)
		}
	case *types.Alias:
		a.mentions = append(a.mentions, mention{t.Obj(), place, owner})
		a.mention(types.Unalias(t), place, owner)
	case *types.Pointer:
		a.mention(t.Elem(), place, owner)
	case *types.Slice:
		a.mention(t.Elem(), place, owner)
	case *types.Array:
		a.mention(t.Elem(), place, owner)
	case *types.Chan:
		a.mention(t.Elem(), place, owner)
	case *types.Map:
		a.mention(t.Key(), place, owner)
		a.mention(t.Elem(), place, owner)
	case *types.Signature:
		tuple(t.Params())
		tuple(t.Results())
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				a.mention(f.Type(), place+"."+f.Name(), owner)
			}
		}
	case *types.Interface:
		for m := range t.Methods() {
			if m.Exported() {
				a.mention(m.Type(), place+"."+m.Name(), owner)
			}
		}
	}
}

// TestNoInternalTypes: what the public packages show can be named by those who import them.
func TestNoInternalTypes(t *testing.T) {
	h := load(t)
	wrong := map[string]bool{}
	for _, m := range readAPI(t, h).mentions {
		if p := m.of.Pkg(); p != nil && isInternal(h.path(p.Path())) {
			wrong[fmt.Sprintf("%s shows %s.%s", m.place, h.path(p.Path()), m.of.Name())] = true
		}
	}
	expect(t, slices.Sorted(maps.Keys(wrong)), nil)
}

// TestTypesAreOfUse: every exported type is taken or returned by something other than its
// own methods, or whoever imports it can make one and call these; or it is an error, which
// errors.As finds.
func TestTypesAreOfUse(t *testing.T) {
	h := load(t)
	a := readAPI(t, h)
	used := map[*types.TypeName]bool{}
	for _, m := range a.mentions {
		if m.of != m.owner {
			used[m.of] = true
		}
	}
	isError := types.Universe.Lookup("error").Type().Underlying().(*types.Interface)
	var wrong []string
	for _, p := range a.packages {
		for _, name := range p.Scope().Names() {
			o, ok := p.Scope().Lookup(name).(*types.TypeName)
			if ok && o.IsAlias() {
				continue // of as much use as what it is another name for
			}
			if ok && o.Exported() && !used[o] && !canBeMade(o.Type()) && !types.Implements(types.NewPointer(o.Type()), isError) {
				wrong = append(wrong, h.path(p.Path())+"."+name)
			}
		}
	}
	expect(t, wrong, []string{
		"checkpoint.Pinner", "storage.Hashed", // what a File may be besides
		"receipt.Hasher", "toolcall.Collector", // their zero values are ready
	})
}

// canBeMade tells a type with methods that needs no constructor: one that is no struct, or has
// exported fields.
func canBeMade(t types.Type) bool {
	methods := types.NewMethodSet(types.NewPointer(t))
	s, isStruct := t.Underlying().(*types.Struct)
	some := func(n int, exported func(i int) bool) bool {
		for i := range n {
			if exported(i) {
				return true
			}
		}
		return false
	}
	return !types.IsInterface(t) && some(methods.Len(), func(i int) bool { return methods.At(i).Obj().Exported() }) &&
		(!isStruct || some(s.NumFields(), func(i int) bool { return s.Field(i).Exported() }))
}
