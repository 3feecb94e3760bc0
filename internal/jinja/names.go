package jinja

// analyze notes the names that statements of one scope read and set, in their order.
func (s *symbols) analyze(body []statement) {
	for _, n := range body {
		switch n := n.(type) {
		case *output:
			s.reads(n.x)
		case *assign:
			s.reads(n.x)
			s.targets(n.target, false)
		case *assignBlock:
			s.targets(n.target, false)
		case *ifElse:
			s.reads(n.tests[0])
			var branches []*symbols
			for i, body := range n.bodies {
				b := s.branch()
				if i > 0 && i < len(n.tests) {
					b.reads(n.tests[i])
				}
				b.analyze(body)
				branches = append(branches, b)
			}
			s.branches(branches)
		case *forLoop:
			s.reads(n.x)
		case *macroDefinition:
			s.store(n.target.name)
		case *callBlock:
			s.reads(&n.x)
		case *filterBlock:
			s.reads(n.filter)
		case *with:
			for _, x := range n.values {
				s.reads(x)
			}
		}
	}
}

// reads notes the names in an expression.
func (s *symbols) reads(x expression) { walk(x, func(n *name) { s.load(n.name) }) }

// targets notes the names that are assigned to.
func (s *symbols) targets(x expression, parameter bool) {
	switch x := x.(type) {
	case *name:
		if parameter {
			s.parameter(x.name)
		} else {
			s.store(x.name)
		}
	case *namespaceTarget:
		s.load(x.name.name)
	case *tupleOf:
		for _, item := range x.items {
			s.targets(item, parameter)
		}
	}
}

// walk visits the names that an expression reads.
func walk(x expression, visit func(*name)) {
	walkAll(x, false, 0, func(x expression, _ bool) {
		if n, ok := x.(*name); ok {
			visit(n)
		}
	})
}

// walkAll visits an expression and all within it; soft tells that it stands within a conditional. It bounds how deep a tree is, for
// all that walk it later.
func walkAll(x expression, soft bool, depth int, visit func(x expression, soft bool)) {
	if x == nil {
		return
	}
	if depth++; depth > maxTreeDepth {
		fail(ErrLimit, 0, "an expression of more than %d levels", maxTreeDepth)
	}
	visit(x, soft)
	all := func(items ...expression) {
		for _, x := range items {
			walkAll(x, soft, depth, visit)
		}
	}
	args := func(a *arguments) {
		all(a.positional...)
		all(a.named...)
		all(a.starred, a.doubleStarred)
	}
	switch x := x.(type) {
	case *tupleOf:
		all(x.items...)
	case *listOf:
		all(x.items...)
	case *dictOf:
		all(x.keys...)
		all(x.values...)
	case *unary:
		all(x.x)
	case *binary:
		all(x.x, x.y)
	case *concat:
		all(x.items...)
	case *compare:
		all(x.first)
		for _, op := range x.ops {
			all(op.x)
		}
	case *conditional:
		soft = true
		all(x.test, x.yes, x.no)
	case *attribute:
		all(x.x)
	case *item:
		all(x.x, x.index)
	case *slice:
		all(x.x, x.start, x.stop, x.step)
	case *call:
		all(x.x)
		args(&x.arguments)
	case *filter:
		all(x.x)
		args(&x.arguments)
	case *test:
		all(x.x)
		args(&x.arguments)
	}
}

// assignsLoop tells whether something in a loop sets the variable "loop".
func assignsLoop(n *forLoop) (line int, found bool) {
	eachName([]statement{n}, func(n *name, store bool) {
		if store && n.name == "loop" {
			line, found = n.line, true
		}
	})
	return line, found
}

// uses tells which of the names statements read before anything in them sets them; blocks do not count.
func uses(body []statement, names ...string) map[string]bool {
	looking, found := map[string]bool{}, map[string]bool{}
	for _, n := range names {
		looking[n] = true
	}
	eachName(body, func(n *name, store bool) {
		if store {
			delete(looking, n.name)
		} else if looking[n.name] {
			found[n.name] = true
		}
	})
	return found
}

// eachName visits every name in statements and all within them, in the order of Jinja2's tree.
func eachName(body []statement, visit func(n *name, store bool)) {
	read := func(x expression) { walk(x, func(n *name) { visit(n, false) }) }
	var store func(x expression)
	store = func(x expression) {
		switch x := x.(type) {
		case *name:
			visit(x, true)
		case *tupleOf:
			for _, item := range x.items {
				store(item)
			}
		}
	}
	macro := func(m *macroBody) {
		for i := range m.parameters {
			store(&m.parameters[i])
		}
		for _, x := range m.defaults {
			read(x)
		}
		eachName(m.body, visit)
	}
	for _, n := range body {
		switch n := n.(type) {
		case *output:
			read(n.x)
		case *assign:
			store(n.target)
			read(n.x)
		case *assignBlock:
			store(n.target)
			read(n.filter)
			eachName(n.body.statements, visit)
		case *ifElse:
			for i, body := range n.bodies {
				if i < len(n.tests) {
					read(n.tests[i])
				}
				eachName(body, visit)
			}
		case *forLoop:
			store(n.target)
			read(n.x)
			eachName(n.body.statements, visit)
			eachName(n.otherwise.statements, visit)
			read(n.test)
		case *macroDefinition:
			macro(&n.macroBody)
		case *callBlock:
			read(&n.x)
			macro(&n.macroBody)
		case *generation:
			macro(&n.macroBody)
		case *filterBlock:
			eachName(n.body.statements, visit)
			read(n.filter)
		case *with:
			for _, t := range n.targets {
				store(t)
			}
			for _, x := range n.values {
				read(x)
			}
			eachName(n.body.statements, visit)
		case *scoped:
			eachName(n.body.statements, visit)
		}
	}
}
