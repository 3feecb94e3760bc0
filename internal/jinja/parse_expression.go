package jinja

import "slices"

// Expressions, from the weakest operator to the strongest: if, or, and, not, comparisons, + and -, ~, * / // %, **, signs, then
// what follows a value: attributes, calls, filters, tests. (In Jinja2 ~ binds stronger than +, and a sign stronger than a filter.)

// constantNames are the names of values.
var constantNames = map[string]*constant{
	"true": {true}, "True": {true}, "false": {false}, "False": {false}, "none": {nil}, "None": {nil},
}

type tupleOptions struct {
	conditional bool   // "if" belongs to the expression
	end         string // a name that ends it
	parentheses bool   // it stands in parentheses: nothing is an empty tuple
}

// tuple reads an expression, or several with commas.
func (p *parser) tuple(o tupleOptions) expression {
	return p.list(o, func() expression {
		if o.conditional {
			return p.expression()
		}
		return p.or()
	})
}

func (p *parser) list(o tupleOptions, read func() expression) expression {
	var items []expression
	several := false
	for {
		if len(items) > 0 {
			p.expect(",")
		}
		if slices.Contains([]tokenKind{tokenVariableEnd, tokenBlockEnd, ")"}, p.current.kind) || p.current.isName(o.end) {
			break
		}
		items = append(items, read())
		if p.current.kind != "," {
			break
		}
		several = true
	}
	if !several {
		if len(items) > 0 {
			return items[0]
		}
		if !o.parentheses {
			p.syntax("expected an expression, got '%s'", p.current)
		}
	}
	return &tupleOf{items}
}

type targetOptions struct {
	end       string
	namespace bool // ns.attr will do
}

// target reads what a set, for or with assigns to.
func (p *parser) target(o targetOptions) expression {
	t := p.list(tupleOptions{end: o.end}, func() expression {
		if o.namespace && p.current.kind == tokenName && constantNames[p.current.text] == nil && p.look().kind == "." {
			n := p.next()
			p.next()
			return &namespaceTarget{name{name: n.text, line: n.line}, p.expect(tokenName).text}
		}
		return p.primary()
	})
	p.assignable(t)
	return t
}

func (p *parser) assignable(t expression) {
	switch t := t.(type) {
	case *name, *namespaceTarget:
	case *tupleOf:
		for _, item := range t.items {
			p.assignable(item)
		}
	default:
		p.syntax("can't assign to this")
	}
}

func (p *parser) expression() expression {
	p.deeper()
	defer func() { p.nesting-- }()
	line := p.current.line
	x := p.or()
	for n := 0; p.skipName("if"); {
		p.chain(&n)
		c := &conditional{test: p.or(), yes: x, line: line}
		if p.skipName("else") {
			c.no = p.expression()
		}
		x = c
	}
	return x
}

// infix reads a chain of one strength.
func (p *parser) infix(operand func() expression, matches func(token) bool) expression {
	x := operand()
	for n := 0; matches(p.current); {
		p.chain(&n)
		t := p.next()
		op := t.kind
		if op == tokenName {
			op = tokenKind(t.text)
		}
		x = &binary{op, x, operand(), t.line}
	}
	return x
}

func kinds(kinds ...tokenKind) func(token) bool {
	return func(t token) bool { return slices.Contains(kinds, t.kind) }
}

func (p *parser) or() expression {
	return p.infix(p.and, func(t token) bool { return t.isName("or") })
}

func (p *parser) and() expression {
	return p.infix(p.not, func(t token) bool { return t.isName("and") })
}

func (p *parser) not() expression {
	if !p.current.isName("not") {
		return p.comparison()
	}
	p.deeper()
	defer func() { p.nesting-- }()
	p.made()
	t := p.next()
	return &unary{"not", p.not(), t.line}
}

func (p *parser) comparison() expression {
	line := p.current.line
	c := &compare{first: p.sum(), line: line}
	for n := 0; ; {
		op := p.current.kind
		switch {
		case slices.Contains([]tokenKind{"==", "!=", "<", "<=", ">", ">="}, op):
		case p.current.isName("in"):
			op = "in"
		case p.current.isName("not") && p.look().isName("in"):
			p.next()
			op = "not in"
		default:
			if len(c.ops) == 0 {
				return c.first
			}
			return c
		}
		p.chain(&n)
		p.next()
		c.ops = append(c.ops, comparison{op, p.sum()})
	}
}

func (p *parser) sum() expression { return p.infix(p.tilde, kinds("+", "-")) }

func (p *parser) tilde() expression {
	line := p.current.line
	items := []expression{p.product()}
	for n := 0; p.skip("~"); {
		p.chain(&n)
		items = append(items, p.product())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &concat{items, line}
}

func (p *parser) product() expression { return p.infix(p.power, kinds("*", "/", "//", "%")) }

func (p *parser) power() expression {
	return p.infix(func() expression { return p.sign(true) }, kinds("**"))
}

// sign reads a value with its signs and what follows it; filters only where they are wanted.
func (p *parser) sign(filters bool) expression {
	p.made()
	var x expression
	if t := p.current; t.kind == "-" || t.kind == "+" {
		p.deeper()
		p.next()
		x = &unary{t.kind, p.sign(false), t.line}
		p.nesting--
	} else {
		x = p.primary()
	}
	x = p.postfix(x)
	if filters {
		x = p.filtered(x)
	}
	return x
}

func (p *parser) primary() expression {
	p.made()
	switch t := p.current; t.kind {
	case tokenName:
		p.next()
		if c := constantNames[t.text]; c != nil {
			return c
		}
		return &name{name: t.text, line: t.line}
	case tokenString:
		s := p.next().text
		for n := 0; p.current.kind == tokenString; { // "a" "b"
			p.chain(&n)
			s += p.next().text
		}
		return &constant{s}
	case tokenInteger, tokenFloat:
		return &constant{p.next().value}
	case "(":
		p.next()
		p.deeper()
		x := p.tuple(tupleOptions{conditional: true, parentheses: true})
		p.nesting--
		p.expect(")")
		return x
	case "[":
		p.next()
		list := &listOf{}
		for p.current.kind != "]" {
			if len(list.items) > 0 {
				if p.expect(","); p.current.kind == "]" {
					break
				}
			}
			list.items = append(list.items, p.expression())
		}
		p.next()
		return list
	case "{":
		p.next()
		dict := &dictOf{}
		for p.current.kind != "}" {
			if len(dict.keys) > 0 {
				if p.expect(","); p.current.kind == "}" {
					break
				}
			}
			dict.keys = append(dict.keys, p.expression())
			p.expect(":")
			dict.values = append(dict.values, p.expression())
		}
		p.next()
		return dict
	}
	p.syntax("unexpected '%s'", p.current)
	return nil
}

// postfix reads the attributes, items and calls behind a value.
func (p *parser) postfix(x expression) expression {
	for n := 0; ; p.chain(&n) {
		switch t := p.current; t.kind {
		case ".":
			p.next()
			switch a := p.next(); a.kind {
			case tokenName:
				x = &attribute{x, a.text, t.line}
			case tokenInteger:
				x = &item{x, &constant{a.value}, t.line}
			default:
				p.syntax("expected name or number")
			}
		case "[":
			x = p.subscript(x)
		case "(":
			x = p.call(x)
		default:
			return x
		}
	}
}

func (p *parser) subscript(x expression) expression {
	line := p.next().line
	var indices []expression
	for p.current.kind != "]" {
		if len(indices) > 0 {
			p.expect(",")
		}
		var index expression
		if p.current.kind != ":" {
			index = p.expression()
		}
		if p.current.kind == ":" {
			s := &slice{x: x, start: index, line: line}
			bound := func() (b expression) {
				if p.skip(":") && !slices.Contains([]tokenKind{"]", ",", ":"}, p.current.kind) {
					b = p.expression()
				}
				return b
			}
			s.stop = bound()
			s.step = bound()
			if len(indices) > 0 || p.current.kind != "]" {
				p.syntax("a slice in a tuple")
			}
			p.next()
			return s
		}
		indices = append(indices, index)
	}
	p.next()
	if len(indices) == 1 {
		return &item{x, indices[0], line}
	}
	return &item{x, &tupleOf{indices}, line}
}

func (p *parser) call(x expression) expression {
	line := p.current.line
	return &call{x, p.arguments(), line}
}

func (p *parser) arguments() arguments {
	var a arguments
	p.expect("(")
	for n := 0; p.current.kind != ")"; {
		if n > 0 {
			if p.expect(","); p.current.kind == ")" {
				break
			}
		}
		p.chain(&n)
		switch {
		case p.current.kind == "*" && a.starred == nil && a.doubleStarred == nil:
			p.next()
			a.starred = p.expression()
		case p.current.kind == "**" && a.doubleStarred == nil:
			p.next()
			a.doubleStarred = p.expression()
		case p.current.kind == tokenName && a.doubleStarred == nil && p.look().kind == "=":
			name := p.next().text
			if slices.Contains(a.names, name) {
				p.syntax("keyword argument repeated: %s", name)
			}
			p.next()
			a.names = append(a.names, name)
			a.named = append(a.named, p.expression())
		case a.starred == nil && a.doubleStarred == nil && a.names == nil:
			a.positional = append(a.positional, p.expression())
		default:
			p.syntax("invalid syntax for function call expression")
		}
	}
	p.next()
	return a
}

// filtered reads the filters and tests behind a value.
func (p *parser) filtered(x expression) expression {
	for n := 0; ; p.chain(&n) {
		switch {
		case p.current.kind == "|":
			x = p.filters(x)
		case p.current.isName("is"):
			x = p.test(x)
		case p.current.kind == "(":
			x = p.call(x)
		default:
			return x
		}
	}
}

// dotted reads the name of a filter or test.
func (p *parser) dotted() (string, int) {
	t := p.expect(tokenName)
	name := t.text
	for p.skip(".") {
		name += "." + p.expect(tokenName).text
	}
	return name, t.line
}

func (p *parser) filters(x expression) expression {
	for n := 0; p.current.kind == "|"; {
		p.chain(&n)
		p.next()
		f := &filter{x: x}
		f.name, f.line = p.dotted()
		if p.current.kind == "(" {
			f.arguments = p.arguments()
		}
		x = f
	}
	return x
}

func (p *parser) test(x expression) expression {
	line := p.next().line
	negated := p.skipName("not")
	t := &test{x: x, line: line}
	t.name, _ = p.dotted()
	switch {
	case p.current.kind == "(":
		t.arguments = p.arguments()
	case slices.Contains([]tokenKind{tokenName, tokenString, tokenInteger, tokenFloat, "[", "{"}, p.current.kind) && !p.current.isName("else", "or", "and"):
		if p.current.isName("is") {
			p.syntax("you cannot chain multiple tests with is")
		}
		t.positional = []expression{p.postfix(p.primary())}
	}
	if negated {
		return &unary{"not", t, line}
	}
	return t
}
