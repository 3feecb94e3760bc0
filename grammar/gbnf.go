package grammar

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxText is how many bytes a grammar may have.
const maxText = 1 << 20

// maxDepth is how deep groups of a grammar, and values of a schema, may lie in one another.
const maxDepth = 64

// Parse reads a grammar in GBNF, as llama.cpp's grammars/README.md describes it: rules "name ::= …" of texts in quotes, classes of characters, "."
// for any one, special tokens by their ids as in <[151657]>, names, groups, "|", and the repetitions * + ? {m} {m,} {m,n}. The rule root is the text. Errors are
// ErrSyntax, with the line, and ErrLimit.
func Parse(source string) (*Grammar, error) { return parseWith(source, nil) }

// composed is a grammar whose rules may name schemas, as JSON.
type composed struct {
	Rules   string                     `json:"rules"`
	Schemas map[string]json.RawMessage `json:"schemas"`
}

// Compose returns the source of a grammar in GBNF with more rules than are written: the values that JSON schemas are true of, by the rules' names. The
// schemas are JSON.
func Compose(rules string, schemas map[string]json.RawMessage) (source string) {
	text, err := json.Marshal(composed{rules, schemas})
	if err != nil {
		return "" // which is no grammar: a schema is no JSON
	}
	return string(text)
}

// Composed reads what Compose has returned. Errors are those of Parse and of Schema.
func Composed(source string) (*Grammar, error) {
	var c composed
	if err := json.Unmarshal([]byte(source), &c); err != nil {
		return nil, fmt.Errorf("a composed grammar: %w: %w", err, ErrSyntax)
	}
	return parseWith(c.Rules, c.Schemas)
}

func parseWith(source string, schemas map[string]json.RawMessage) (*Grammar, error) {
	if len(source) > maxText {
		return nil, fmt.Errorf("more than %d bytes: %w", maxText, ErrLimit)
	}
	p := &gbnf{compiler: *newCompiler(), source: source, rest: source, names: map[string]int32{}}
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		p.add(p.named(name), p.in(name, schemas[name]))
	}
	for p.blank(true); p.rest != "" && p.err == nil; p.blank(true) {
		p.definition()
	}
	root, ok := p.names["root"]
	if !ok {
		p.fail(fmt.Errorf("there is no rule root: %w", ErrSyntax))
	}
	for name, rule := range p.names {
		if len(p.rules[rule]) == 0 && p.err == nil {
			p.undefined = append(p.undefined, name)
		}
	}
	if len(p.undefined) > 0 {
		least := p.undefined[0]
		for _, name := range p.undefined {
			least = min(least, name)
		}
		p.fail(fmt.Errorf("the rule %.40s is not there: %w", least, ErrSyntax))
	}
	return p.grammar(root)
}

// gbnf reads a grammar.
type gbnf struct {
	compiler
	source, rest string
	names        map[string]int32
	undefined    []string
	depth        int
}

// wrong says what is wrong where the reader stands.
func (p *gbnf) wrong(format string, args ...any) {
	line := 1 + strings.Count(p.source[:len(p.source)-len(p.rest)], "\n")
	p.fail(fmt.Errorf("line %d: %s: %w", line, fmt.Sprintf(format, args...), ErrSyntax))
}

// blank passes over white space and comments; over line ends only where they do not end a rule.
func (p *gbnf) blank(lines bool) {
	for p.rest != "" {
		switch c := p.rest[0]; {
		case c == ' ' || c == '\t':
			p.rest = p.rest[1:]
		case c == '#':
			i := strings.IndexByte(p.rest, '\n')
			if i < 0 {
				i = len(p.rest)
			}
			p.rest = p.rest[i:]
		case lines && (c == '\n' || c == '\r'):
			p.rest = p.rest[1:]
		default:
			return
		}
	}
}

func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// name reads the name of a rule, "" if there is none.
func (p *gbnf) name() string {
	i := 0
	for i < len(p.rest) && isName(p.rest[i]) {
		i++
	}
	name := p.rest[:i]
	p.rest = p.rest[i:]
	return name
}

// named returns the rule of a name.
func (p *gbnf) named(name string) int32 {
	rule, ok := p.names[name]
	if !ok {
		rule = p.rule()
		p.names[name] = rule
	}
	return rule
}

// take passes over a text, if it stands here.
func (p *gbnf) take(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

func (p *gbnf) definition() {
	name := p.name()
	if name == "" {
		p.wrong("a name is expected, not %.10q", p.rest)
		return
	}
	p.blank(false)
	if !p.take("::=") {
		p.wrong("::= is expected after %.40s", name)
		return
	}
	rule := p.named(name)
	if len(p.rules[rule]) > 0 {
		p.wrong("the rule %.40s is there twice", name)
		return
	}
	p.blank(true)
	for _, a := range p.alternatives(false) {
		p.add(rule, a)
	}
	if p.err == nil && p.rest != "" && p.rest[0] != '\n' && p.rest[0] != '\r' {
		p.wrong("unexpected %.10q", p.rest)
	}
}

// alternatives reads what stands between "|"; in a group it may go over several lines.
func (p *gbnf) alternatives(group bool) []part {
	if p.depth++; p.depth > maxDepth {
		p.fail(fmt.Errorf("groups deeper than %d: %w", maxDepth, ErrLimit))
	}
	defer func() { p.depth-- }()
	var list []part
	for p.err == nil {
		list = append(list, p.sequence(group))
		p.blank(group)
		if !p.take("|") {
			break
		}
		p.blank(true)
	}
	return list
}

// sequence reads items with their repetitions.
func (p *gbnf) sequence(group bool) part {
	var all part
	for p.err == nil {
		p.blank(group)
		item, ok := p.item()
		if !ok {
			return all
		}
		all = append(all, p.repetition(item)...)
	}
	return nil
}

// item reads a text, a class, a name or a group.
func (p *gbnf) item() (part, bool) {
	if p.rest == "" {
		return nil, false
	}
	switch c := p.rest[0]; {
	case c == '"':
		p.rest = p.rest[1:]
		var s []byte
		for p.err == nil && !p.take(`"`) {
			s = utf8.AppendRune(s, p.char('"'))
		}
		return text(string(s)), true
	case c == '[':
		p.rest = p.rest[1:]
		return p.brackets(), true
	case c == '.':
		p.rest = p.rest[1:]
		return p.class(every), true
	case c == '<':
		return p.token(), true
	case c == '(':
		p.rest = p.rest[1:]
		list := p.alternatives(true)
		p.blank(true)
		if p.err == nil && !p.take(")") {
			p.wrong("a group does not end")
		}
		return p.either(list...), true
	case isName(c):
		at := p.rest
		name := p.name()
		here := p.rest
		p.blank(false)
		if strings.HasPrefix(p.rest, "::=") { // the next rule begins
			p.rest = at
			return nil, false
		}
		p.rest = here
		return of(p.named(name)), true
	}
	return nil, false
}

// token reads a special token.
func (p *gbnf) token() part {
	if p.take("<[") {
		if id, ok := p.number(); ok && id < maxToken && p.take("]>") {
			return text(string(appendToken(nil, id)))
		}
	}
	p.wrong("<[id]> of a token is expected")
	return nil
}

// brackets reads a class of characters behind its "[".
func (p *gbnf) brackets() part {
	var ranges []runes
	negated := p.take("^")
	for p.err == nil && !p.take("]") {
		c := runes{lo: p.char(']')}
		c.hi = c.lo
		if len(p.rest) > 1 && p.rest[0] == '-' && p.rest[1] != ']' {
			p.rest = p.rest[1:]
			if c.hi = p.char(']'); c.hi < c.lo && p.err == nil {
				p.wrong("the range %q-%q is empty", c.lo, c.hi)
			}
		}
		ranges = append(ranges, c)
	}
	if negated {
		return p.class(without(every, ranges))
	}
	return p.class(ranges)
}

// char reads a character of a text or a class that ends with a quote.
func (p *gbnf) char(quote byte) rune {
	if p.rest == "" || p.rest[0] == '\n' {
		p.wrong("%c is missing", quote)
		return 0
	}
	r, n := utf8.DecodeRuneInString(p.rest)
	if r == utf8.RuneError && n == 1 {
		p.wrong("this is not UTF-8")
	}
	p.rest = p.rest[n:]
	if r != '\\' {
		return r
	}
	if p.rest == "" {
		p.wrong("%c is missing", quote)
		return 0
	}
	c := p.rest[0]
	p.rest = p.rest[1:]
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	switch {
	case digits > 0:
		if len(p.rest) >= digits {
			v, err := strconv.ParseUint(p.rest[:digits], 16, 32)
			if err == nil && v <= utf8.MaxRune && !(surrogates.lo <= rune(v) && rune(v) <= surrogates.hi) {
				p.rest = p.rest[digits:]
				return rune(v)
			}
		}
		p.wrong("\\%c is followed by %d hexadecimal digits of a character", c, digits)
	case c == 'n':
		return '\n'
	case c == 'r':
		return '\r'
	case c == 't':
		return '\t'
	case strings.IndexByte(`\"[]-^`, c) >= 0:
		return rune(c)
	default:
		p.wrong("unknown escape \\%c", c)
	}
	return 0
}

// repetition reads what stands behind an item and repeats it.
func (p *gbnf) repetition(item part) part {
	switch {
	case p.take("*"):
		return p.repeat(item, 0, -1)
	case p.take("+"):
		return p.repeat(item, 1, -1)
	case p.take("?"):
		return p.optional(item)
	case !p.take("{"):
		return item
	}
	least, ok := p.number()
	most := least
	if ok && p.take(",") {
		if most, ok = p.number(); !ok {
			most, ok = -1, true
		}
	}
	if !ok || !p.take("}") || most >= 0 && most < least {
		p.wrong("{m}, {m,} or {m,n} is expected")
		return nil
	}
	return p.repeat(item, least, most)
}

func (p *gbnf) number() (int, bool) {
	i := 0
	for i < len(p.rest) && i < 9 && '0' <= p.rest[i] && p.rest[i] <= '9' {
		i++
	}
	n, err := strconv.Atoi(p.rest[:i])
	p.rest = p.rest[i:]
	return n, err == nil
}
