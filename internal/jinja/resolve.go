package jinja

// resolver gives every name of a tree its variable, and checks what Jinja2 checks when it compiles: filters and tests that exist,
// breaks within loops, blocks of one name.
type resolver struct {
	blocks map[string]*namedBlock
	copied int
}

// frame is where the resolver is.
type frame struct {
	*symbols
	top    bool // sets are seen by blocks
	inLoop bool // break has a loop to leave
	soft   bool // within an if: an unknown filter matters only when it is reached
}

func (f frame) inner(function *functionBuilder) frame {
	return frame{symbols: newSymbols(f.symbols, function), inLoop: f.inLoop}
}

func newFunction(outer *functionBuilder) *functionBuilder {
	return &functionBuilder{outer: outer, slots: map[slotName]int{}}
}

// resolve returns the scope and the function of a whole template.
func resolve(body []statement) (scope, *functionBuilder, map[string]*namedBlock) {
	r := &resolver{blocks: map[string]*namedBlock{}}
	f := newFunction(nil)
	top := frame{symbols: newSymbols(nil, f), top: true}
	top.copied = &r.copied
	if uses(body, "self")["self"] {
		top.parameter("self")
	}
	top.analyze(body)
	r.statements(body, top)
	return top.scope(true), f, r.blocks
}

// resolveNames gives the names of an expression their variables and checks filters and tests.
func (f frame) resolveNames(x expression) {
	walkAll(x, f.soft, 0, func(x expression, soft bool) {
		switch x := x.(type) {
		case *name:
			owner := f.find(x.name)
			if owner == nil { // in a filter of a set block, which Jinja2 forgets to look at
				f.load(x.name)
				owner = f.symbols
			}
			x.variable = f.variable(owner, x.name)
		case *filter:
			if filters[x.name] == nil && !soft {
				fail(ErrSyntax, x.line, "no filter named '%s'", x.name)
			}
		case *test:
			if tests[x.name] == nil && !soft {
				fail(ErrSyntax, x.line, "no test named '%s'", x.name)
			}
		}
	})
}

func (f frame) resolveTarget(x expression) {
	switch x := x.(type) {
	case *name:
		x.variable = f.variable(f.find(x.name), x.name)
	case *namespaceTarget:
		x.name.variable = f.variable(f.find(x.name.name), x.name.name)
	case *tupleOf:
		for _, item := range x.items {
			f.resolveTarget(item)
		}
	}
}

func (r *resolver) statements(body []statement, f frame) {
	for _, n := range body {
		r.statement(n, f)
	}
}

// block resolves statements in a scope of their own, whose names are analyzed here.
func (r *resolver) block(b *block, inner frame) {
	inner.analyze(b.statements)
	r.statements(b.statements, inner)
	b.scope = inner.scope(false)
}

func (r *resolver) statement(n statement, f frame) {
	switch n := n.(type) {
	case *output:
		f.resolveNames(n.x)
	case *assign:
		f.resolveNames(n.x)
		f.resolveTarget(n.target)
		n.exported = f.top
	case *assignBlock:
		inner := f.inner(f.function)
		inner.analyze(n.body.statements)
		r.statements(n.body.statements, inner)
		inner.resolveNames(n.filter)
		n.body.scope = inner.scope(false)
		f.resolveTarget(n.target)
		n.exported = f.top
	case *ifElse:
		f.soft = true
		for _, x := range n.tests {
			f.resolveNames(x)
		}
		for _, body := range n.bodies {
			r.statements(body, f)
		}
	case *forLoop:
		r.loop(n, f)
	case *loopControl:
		if !f.inLoop {
			fail(ErrSyntax, n.line, "break or continue outside a loop")
		}
	case *macroDefinition:
		r.macro(&n.macroBody, f, n.line)
		f.resolveTarget(&n.target)
		n.exported = f.top
	case *callBlock:
		f.resolveNames(&n.x)
		r.macro(&n.macroBody, f, n.line)
	case *generation:
		r.macro(&n.macroBody, f, n.line)
	case *filterBlock:
		inner := f.inner(f.function)
		inner.analyze(n.body.statements)
		inner.reads(n.filter)
		r.statements(n.body.statements, inner)
		inner.resolveNames(n.filter)
		n.body.scope = inner.scope(false)
	case *with:
		inner := f.inner(f.function)
		for _, t := range n.targets {
			inner.targets(t, true)
		}
		for _, x := range n.values {
			f.resolveNames(x)
		}
		r.block(&n.body, inner)
		for _, t := range n.targets {
			inner.resolveTarget(t)
		}
	case *scoped:
		r.block(&n.body, f.inner(f.function))
	case *namedBlock:
		r.named(n, f)
	}
}

func (r *resolver) loop(n *forLoop, f frame) {
	if line, ok := assignsLoop(n); ok {
		fail(ErrSyntax, line, "can't assign to special loop variable")
	}
	f.resolveNames(n.x)
	function := f.function
	if n.recursive {
		function = newFunction(f.function)
	}
	inner := f.inner(function)
	inner.inLoop = true
	inner.parameter("loop")
	inner.targets(n.target, true)
	inner.analyze(n.body.statements)
	r.statements(n.body.statements, inner)
	inner.resolveTarget(n.target)
	n.loop = inner.variable(inner.symbols, "loop")
	n.body.scope = inner.scope(n.recursive && n.otherwise.statements == nil)
	if n.otherwise.statements != nil {
		otherwise := f.inner(function)
		r.block(&n.otherwise, otherwise)
	}
	if n.test != nil {
		testFunction := newFunction(f.function)
		inner := f.inner(testFunction)
		inner.targets(n.target, true)
		inner.reads(n.test)
		inner.resolveNames(n.test)
		n.testTarget = copyTarget(n.target)
		inner.resolveTarget(n.testTarget)
		n.testScope = inner.scope(true)
		n.testFunction = testFunction
	}
	n.function = function
}

// copyTarget returns a target whose names may get variables of their own.
func copyTarget(x expression) expression {
	switch x := x.(type) {
	case *name:
		c := *x
		return &c
	case *tupleOf:
		c := &tupleOf{}
		for _, item := range x.items {
			c.items = append(c.items, copyTarget(item))
		}
		return c
	}
	return x
}

func (r *resolver) macro(m *macroBody, f frame, line int) {
	m.function = newFunction(f.function)
	inner := f.inner(m.function)
	inner.inLoop = false
	explicit := -1
	declared := map[string]bool{}
	for i, p := range m.parameters {
		if declared[p.name] {
			fail(ErrSyntax, line, "duplicate argument '%s'", p.name)
		}
		declared[p.name] = true
		inner.parameter(p.name)
		if p.name == "caller" {
			explicit = i
		}
	}
	for _, x := range m.defaults {
		inner.reads(x)
	}
	inner.analyze(m.body)
	special := uses(m.body, "caller", "kwargs", "varargs")
	if special["caller"] {
		m.usesCaller = true
		if explicit >= 0 && explicit < len(m.parameters)-len(m.defaults) {
			fail(ErrSyntax, line, "the special argument 'caller' must be omitted or be given a default")
		}
	}
	place := func(name string) *variable {
		if !special[name] || declared[name] {
			return nil
		}
		inner.parameter(name)
		v := inner.variable(inner.symbols, name)
		return &v
	}
	m.caller, m.kwargs, m.varargs = place("caller"), place("kwargs"), place("varargs")
	for i := range m.parameters {
		inner.resolveTarget(&m.parameters[i])
	}
	for _, x := range m.defaults {
		inner.resolveNames(x)
	}
	r.statements(m.body, inner)
	m.scope = inner.scope(true)
}

func (r *resolver) named(n *namedBlock, f frame) {
	if r.blocks[n.name] != nil {
		fail(ErrSyntax, n.line, "block '%s' defined twice", n.name)
	}
	if n.required {
		fail(ErrSyntax, n.line, "required block '%s' not found", n.name)
	}
	r.blocks[n.name] = n
	n.visible = map[string]variable{}
	for s := f.symbols; n.scoped && s != nil; s = s.parent {
		for name := range s.stored {
			if _, ok := n.visible[name]; !ok {
				n.visible[name] = f.variable(f.find(name), name)
			}
		}
	}
	n.function = newFunction(nil)
	inner := frame{symbols: newSymbols(nil, n.function)}
	inner.copied = &r.copied
	if uses(n.body.statements, "self")["self"] {
		inner.parameter("self")
		v := inner.variable(inner.symbols, "self")
		n.self = &v
	}
	r.block(&n.body, inner)
}
