package jinja

import (
	"slices"
	"strings"
)

// parser makes a tree of a template's tokens.
type parser struct {
	lexer   *lexer
	current token
	ahead   []token
	nesting int
	nodes   int64 // bytes of the tree, about
	limit   int64
	ends    [][]string // what the blocks around here may end with
	tags    []string   // of the blocks around here
}

// nodeBytes is what a node of the tree takes with what points to it.
const nodeBytes = 128

// parseTemplate returns a template's tree and how many bytes it takes.
func parseTemplate(source string, limits Limits) ([]statement, int64) {
	p := &parser{lexer: newLexer(source), limit: limits.Memory}
	p.next()
	body := p.statements(nil)
	return body, p.nodes
}

// made pays for a node.
func (p *parser) made() {
	if p.nodes += nodeBytes; p.nodes > p.limit {
		fail(ErrLimit, p.current.line, "the template takes more than %d bytes", p.limit)
	}
}

// deeper enters a block or a parenthesis; the caller leaves it by p.nesting--.
func (p *parser) deeper() {
	if p.nesting++; p.nesting > maxNesting {
		fail(ErrLimit, p.current.line, "nested more than %d deep", maxNesting)
	}
}

// chain counts the links of a chain of operators, filters or attributes.
func (p *parser) chain(n *int) {
	p.made()
	if *n++; *n > maxChain {
		fail(ErrLimit, p.current.line, "more than %d operators in a row", maxChain)
	}
}

func (p *parser) syntax(format string, args ...any) { fail(ErrSyntax, p.current.line, format, args...) }

// next goes on and returns the token it leaves.
func (p *parser) next() token {
	t := p.current
	if len(p.ahead) > 0 {
		p.current, p.ahead = p.ahead[0], p.ahead[1:]
	} else {
		p.current = p.lexer.next()
	}
	return t
}

// look returns the token after the current one.
func (p *parser) look() token {
	if len(p.ahead) == 0 {
		p.ahead = append(p.ahead, p.lexer.next())
	}
	return p.ahead[0]
}

func (t token) isName(names ...string) bool {
	return t.kind == tokenName && slices.Contains(names, t.text)
}

func (p *parser) skip(kind tokenKind) bool {
	if p.current.kind != kind {
		return false
	}
	p.next()
	return true
}

func (p *parser) skipName(name string) bool {
	if !p.current.isName(name) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(kind tokenKind) token {
	if p.current.kind != kind {
		if p.current.kind == tokenEnd {
			p.syntax("unexpected end of template, expected '%s'", kind)
		}
		p.syntax("expected token '%s', got '%s'", kind, p.current)
	}
	return p.next()
}

func (p *parser) expectName(name string) token {
	if !p.current.isName(name) {
		p.syntax("expected token '%s', got '%s'", name, p.current)
	}
	return p.next()
}

// statements reads up to one of the end tags, which stays the current token; nil: to the end of the template.
func (p *parser) statements(ends []string) []statement {
	p.deeper()
	defer func() { p.nesting-- }()
	if ends != nil {
		p.ends = append(p.ends, ends)
		defer func() { p.ends = p.ends[:len(p.ends)-1] }()
	}
	var body []statement
	for {
		p.made()
		switch t := p.current; t.kind {
		case tokenEnd:
			if ends != nil {
				p.unknown("")
			}
			return body
		case tokenText:
			p.next()
			body = append(body, &text{t.text})
		case tokenVariableBegin:
			p.next()
			body = append(body, &output{p.tuple(tupleOptions{conditional: true}), t.line})
			p.expect(tokenVariableEnd)
		default:
			p.next()
			if p.current.isName(ends...) {
				return body
			}
			body = append(body, p.statement()...)
			p.expect(tokenBlockEnd)
		}
	}
}

// body reads what a tag encloses, from the end of the tag up to one of the end tags.
func (p *parser) body(ends ...string) []statement {
	p.skip(":")
	p.expect(tokenBlockEnd)
	return p.statements(ends)
}

// closed is body with the end tag's name passed.
func (p *parser) closed(end string) []statement {
	body := p.body(end)
	p.next()
	return body
}

// unknown reports a tag that does not belong here, or the end of the template.
func (p *parser) unknown(tag string) {
	message := "unexpected end of template"
	if tag != "" {
		message = "unknown tag '" + tag + "'"
	}
	if n := len(p.ends); n > 0 {
		message += "; looking for '" + strings.Join(p.ends[n-1], "' or '") + "'"
	}
	if n := len(p.tags); n > 0 {
		message += " to close '" + p.tags[n-1] + "'"
	}
	p.syntax("%s", message)
}

func (p *parser) statement() []statement {
	t := p.current
	if t.kind != tokenName {
		p.syntax("tag name expected")
	}
	parse := map[string]func(line int) statement{
		"for": p.parseFor, "if": p.parseIf, "set": p.parseSet, "macro": p.parseMacro, "call": p.parseCall, "filter": p.parseFilterBlock,
		"with": p.parseWith, "block": p.parseBlock, "autoescape": p.parseAutoescape, "generation": p.parseGeneration,
		"break": p.parseLoopControl, "continue": p.parseLoopControl,
		"extends": p.parseOther, "include": p.parseOther, "import": p.parseOther, "from": p.parseOther,
	}[t.text]
	if t.text == "print" {
		p.next()
		return p.parsePrint(t.line)
	}
	if parse == nil {
		p.unknown(t.text)
	}
	p.tags = append(p.tags, t.text)
	defer func() { p.tags = p.tags[:len(p.tags)-1] }()
	if t.text != "break" && t.text != "continue" {
		p.next()
	}
	return []statement{parse(t.line)}
}

func (p *parser) parseFor(line int) statement {
	s := &forLoop{line: line, target: p.target(targetOptions{end: "in"})}
	p.expectName("in")
	s.x = p.tuple(tupleOptions{end: "recursive"})
	if p.skipName("if") {
		s.test = p.expression()
	}
	s.recursive = p.skipName("recursive")
	s.body.statements = p.body("endfor", "else")
	if p.next().text == "else" {
		s.otherwise.statements = p.closed("endfor")
		if s.otherwise.statements == nil {
			s.otherwise.statements = []statement{}
		}
	}
	return s
}

func (p *parser) parseIf(line int) statement {
	s := &ifElse{line: line}
	for {
		s.tests = append(s.tests, p.tuple(tupleOptions{}))
		s.bodies = append(s.bodies, p.body("elif", "else", "endif"))
		switch p.next().text {
		case "elif":
			p.made()
			continue
		case "else":
			s.bodies = append(s.bodies, p.closed("endif"))
		}
		return s
	}
}

func (p *parser) parseSet(line int) statement {
	target := p.target(targetOptions{namespace: true})
	if p.skip("=") {
		return &assign{target: target, x: p.tuple(tupleOptions{conditional: true}), line: line}
	}
	filter := p.filters(nil)
	return &assignBlock{target: target, filter: filter, body: block{statements: p.closed("endset")}, line: line}
}

func (p *parser) parseWith(line int) statement {
	s := &with{line: line}
	for p.current.kind != tokenBlockEnd {
		if len(s.targets) > 0 {
			p.expect(",")
		}
		s.targets = append(s.targets, p.target(targetOptions{}))
		p.expect("=")
		s.values = append(s.values, p.expression())
	}
	s.body.statements = p.closed("endwith")
	return s
}

// parseAutoescape knows only the form that changes nothing: templates of chats are not escaped.
func (p *parser) parseAutoescape(line int) statement {
	c, ok := p.expression().(*constant)
	if !ok || c.value != false {
		fail(ErrUnsupported, line, "autoescape")
	}
	return &scoped{block{statements: p.closed("endautoescape")}}
}

func (p *parser) parseBlock(line int) statement {
	s := &namedBlock{line: line, name: p.expect(tokenName).text}
	s.scoped = p.skipName("scoped")
	s.required = p.skipName("required")
	s.body.statements = p.closed("endblock")
	p.skipName(s.name)
	return s
}

// parseOther reads the tags that name another template. There is none: running into one is an error, as in transformers.
func (p *parser) parseOther(line int) statement {
	what := p.tags[len(p.tags)-1]
	for p.current.kind != tokenBlockEnd && p.current.kind != tokenEnd {
		p.next()
	}
	return &unavailable{what, line}
}

func (p *parser) parseGeneration(line int) statement {
	s := &generation{line: line}
	s.body = p.closed("endgeneration")
	return s
}

func (p *parser) parseLoopControl(line int) statement {
	return &loopControl{p.next().text == "break", line}
}

func (p *parser) parsePrint(line int) []statement {
	var all []statement
	for p.current.kind != tokenBlockEnd {
		if len(all) > 0 {
			p.expect(",")
		}
		all = append(all, &output{p.expression(), line})
	}
	return all
}

func (p *parser) parseMacro(line int) statement {
	s := &macroDefinition{line: line, target: *p.nameTarget()}
	s.name = s.target.name
	p.signature(&s.macroBody)
	s.body = p.closed("endmacro")
	return s
}

func (p *parser) parseCall(line int) statement {
	s := &callBlock{line: line}
	if p.current.kind == "(" {
		p.signature(&s.macroBody)
	}
	c, ok := p.expression().(*call)
	if !ok {
		p.syntax("expected call")
	}
	s.x = *c
	s.body = p.closed("endcall")
	return s
}

func (p *parser) parseFilterBlock(line int) statement {
	p.ahead = append([]token{p.current}, p.ahead...) // as if it began with |
	p.current = token{kind: "|", line: line}
	s := &filterBlock{line: line, filter: p.filters(nil)}
	s.body.statements = p.closed("endfilter")
	return s
}

func (p *parser) signature(m *macroBody) {
	p.expect("(")
	for p.current.kind != ")" {
		if len(m.parameters) > 0 {
			p.expect(",")
		}
		p.made()
		m.parameters = append(m.parameters, *p.nameTarget())
		if p.skip("=") {
			m.defaults = append(m.defaults, p.expression())
		} else if len(m.defaults) > 0 {
			p.syntax("non-default argument follows default argument")
		}
	}
	p.next()
}

func (p *parser) nameTarget() *name {
	t := p.expect(tokenName)
	if constantNames[t.text] != nil {
		p.syntax("can't assign to '%s'", t.text)
	}
	return &name{name: t.text, line: t.line}
}
