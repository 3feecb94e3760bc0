package grammar

import (
	"errors"
	"fmt"
	"sync"
)

var (
	// ErrSyntax reports a grammar, a schema or a pattern that cannot be read.
	ErrSyntax = errors.New("malformed grammar")
	// ErrUnsupported reports what a schema or a pattern asks for that is not done.
	ErrUnsupported = errors.New("not supported in a schema")
	// ErrLimit reports a grammar that is too large, or takes too much work.
	ErrLimit = errors.New("the grammar takes too much")
	// ErrDead reports a text that nothing can follow: no token of the vocabulary goes on with it.
	ErrDead = errors.New("no token follows by the grammar")
)

// maxSymbols is how many symbols the rules of a grammar may have in all.
const maxSymbols = 1 << 15

// symbol is a range of bytes, another rule, or the end of an alternative.
type symbol struct {
	kind   symbolKind
	lo, hi byte
	rule   int32
}

type symbolKind uint8

const (
	endRule symbolKind = iota
	byteRange
	callRule
)

// Grammar is a set of rules, of which the first is the text. It is immutable and safe for concurrent use.
type Grammar struct {
	symbols []symbol  // of all alternatives, each with its end
	rules   [][]int32 // where the alternatives of each begin

	automaton func() *automaton // of all its texts, made with the first
}

// part is a piece of a rule while rules are made: a sequence of symbols.
type part []symbol

// builder makes a grammar. The first error stays.
type builder struct {
	rules   [][]part
	symbols int
	err     error
}

// rule adds a rule without alternatives.
func (b *builder) rule() int32 {
	b.rules = append(b.rules, nil)
	return int32(len(b.rules) - 1)
}

// add adds an alternative to a rule.
func (b *builder) add(rule int32, p part) {
	if b.symbols += len(p) + 1; b.symbols > maxSymbols {
		b.fail(fmt.Errorf("more than %d symbols: %w", maxSymbols, ErrLimit))
		return
	}
	b.rules[rule] = append(b.rules[rule], p)
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// of is a rule as a part of another.
func of(rule int32) part { return part{{kind: callRule, rule: rule}} }

// text is a text as a part of a rule.
func text(s string) part {
	p := make(part, len(s))
	for i := range len(s) {
		p[i] = symbol{kind: byteRange, lo: s[i], hi: s[i]}
	}
	return p
}

// sequence joins parts.
func sequence(parts ...part) part {
	var all part
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// either is one of parts.
func (b *builder) either(parts ...part) part {
	if len(parts) == 1 {
		return parts[0]
	}
	return b.apart(parts...)
}

// apart is a rule of its own.
func (b *builder) apart(alternatives ...part) part {
	r := b.rule()
	for _, p := range alternatives {
		b.add(r, p)
	}
	return of(r)
}

// trie is one of sorted texts, no two of which are the same: what they begin with in common stands once, so that there are few ways to
// read one however many they are.
func (b *builder) trie(texts []string) part {
	first, last := texts[0], texts[len(texts)-1]
	n := 0
	for n < len(first) && first[n] == last[n] {
		n++
	}
	common := text(first[:n])
	if len(texts) == 1 || b.err != nil {
		return common
	}
	var parts []part
	for len(texts) > 0 { // those with the same next byte; one that ends here comes first
		same := func(t string) bool { return len(t) > n && len(texts[0]) > n && t[n] == texts[0][n] }
		end := 1
		for end < len(texts) && same(texts[end]) {
			end++
		}
		rest := make([]string, end)
		for i, t := range texts[:end] {
			rest[i] = t[n:]
		}
		parts, texts = append(parts, b.trie(rest)), texts[end:]
	}
	return append(common, b.apart(parts...)...)
}

// optional is p or nothing.
func (b *builder) optional(p part) part { return b.either(p, nil) }

// maxRepeat is how often something may have to be repeated.
const maxRepeat = 1 << 12

// repeat is p so many times; most below 0 is any number.
func (b *builder) repeat(p part, least, most int) part {
	if least > maxRepeat || most > maxRepeat {
		b.fail(fmt.Errorf("something repeated more than %d times: %w", maxRepeat, ErrLimit))
		return nil
	}
	if len(p) > 1 { // so that copies are small
		p = b.apart(p)
	}
	var all part
	for range least {
		all = append(all, p...)
	}
	if most < 0 {
		r := b.rule()
		b.add(r, sequence(p, of(r)))
		b.add(r, nil)
		return append(all, of(r)...)
	}
	var rest part
	for range most - least { // (p (p (p)?)?)?
		rest = b.optional(sequence(p, rest))
		if b.err != nil {
			return nil
		}
	}
	return append(all, rest...)
}

// grammar returns the grammar whose text is the rule, or the first error: also where a rule begins with itself, which would never
// come to an end.
func (b *builder) grammar(root int32) (*Grammar, error) {
	if b.err != nil {
		return nil, b.err
	}
	b.rules[0], b.rules[root] = b.rules[root], b.rules[0]
	g := &Grammar{rules: make([][]int32, len(b.rules))}
	for i, alternatives := range b.rules {
		for _, p := range alternatives {
			g.rules[i] = append(g.rules[i], int32(len(g.symbols)))
			for _, s := range p {
				if s.kind == callRule {
					switch s.rule {
					case 0:
						s.rule = root
					case root:
						s.rule = 0
					}
				}
				g.symbols = append(g.symbols, s)
			}
			g.symbols = append(g.symbols, symbol{})
		}
	}
	if err := g.checkRecursion(); err != nil {
		return nil, err
	}
	g.automaton = sync.OnceValue(func() *automaton { return newAutomaton(g) })
	return g, nil
}

// checkRecursion refuses rules that may begin with themselves.
func (g *Grammar) checkRecursion() error {
	empty := g.empties()
	const unseen, open, done = 0, 1, 2
	state := make([]uint8, len(g.rules))
	type frame struct{ rule, alternative, at int32 }
	for root := range g.rules {
		if state[root] != unseen {
			continue
		}
		state[root] = open
		stack := []frame{{rule: int32(root), at: -1}}
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			if int(f.alternative) == len(g.rules[f.rule]) {
				state[f.rule] = done
				stack = stack[:len(stack)-1]
				continue
			}
			if f.at < 0 {
				f.at = g.rules[f.rule][f.alternative]
			}
			s := g.symbols[f.at]
			if s.kind != callRule {
				f.alternative, f.at = f.alternative+1, -1
				continue
			}
			if empty[s.rule] {
				f.at++
			} else {
				f.alternative, f.at = f.alternative+1, -1
			}
			switch state[s.rule] {
			case open:
				return fmt.Errorf("a rule begins with itself: %w", ErrSyntax)
			case unseen:
				state[s.rule] = open
				stack = append(stack, frame{rule: s.rule, at: -1})
			}
		}
	}
	return nil
}

// empties tells of each rule whether the empty text is one of its.
func (g *Grammar) empties() []bool {
	empty := make([]bool, len(g.rules))
	waiting := make([][]int32, len(g.rules)) // places in alternatives that go on if a rule is empty
	owner := make([]int32, len(g.symbols))   // the rule of each place
	type place struct{ rule, at int32 }
	var todo []place
	for i, alternatives := range g.rules {
		for _, at := range alternatives {
			for j := at; ; j++ {
				owner[j] = int32(i)
				if g.symbols[j].kind == endRule {
					break
				}
			}
			todo = append(todo, place{int32(i), at})
		}
	}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for g.symbols[p.at].kind == callRule && empty[g.symbols[p.at].rule] {
			p.at++
		}
		switch s := g.symbols[p.at]; {
		case s.kind == callRule:
			waiting[s.rule] = append(waiting[s.rule], p.at)
		case s.kind == endRule && !empty[p.rule]:
			empty[p.rule] = true
			for _, at := range waiting[p.rule] {
				todo = append(todo, place{owner[at], at})
			}
			waiting[p.rule] = nil
		}
	}
	return empty
}
