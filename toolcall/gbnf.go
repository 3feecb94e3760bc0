package toolcall

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// gbnf writes a grammar for package grammar.
type gbnf struct {
	special func(mark string) (id int, ok bool)
	rules   strings.Builder
	made    int
	schemas map[string]json.RawMessage
}

// rule adds a rule and returns its name.
func (g *gbnf) rule(body string) string {
	g.made++
	name := fmt.Sprintf("r%d", g.made)
	fmt.Fprintf(&g.rules, "%s ::= %s\n", name, body)
	return name
}

// value adds a rule of the values that a schema is true of.
func (g *gbnf) value(schema json.RawMessage) string {
	name := fmt.Sprintf("v%d", len(g.schemas))
	g.schemas[name] = schema
	return name
}

// literal is a text as a part of a rule.
func literal(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}

// mark is a mark: a special token, or its text.
func (g *gbnf) mark(mark string) string {
	if id, ok := g.special(mark); ok {
		return fmt.Sprintf("<[%d]>", id)
	}
	return literal(mark)
}

// until returns what ends with a mark, which is not before, and goes on with what follows. With open it may also end anywhere before.
func (g *gbnf) until(mark, follow string, open bool) string {
	end := ""
	if open {
		end = `"" | `
	}
	if id, ok := g.special(mark); ok {
		g.made++
		name := fmt.Sprintf("r%d", g.made)
		fmt.Fprintf(&g.rules, "%s ::= %s<[%d]> %s | . %s\n", name, end, id, follow, name)
		return name
	}
	// State i has the first i characters of the mark behind it, and no more: Knuth, Morris and Pratt's automaton.
	runes := []rune(mark)
	first := g.made + 1
	g.made += len(runes)
	name := func(state int) string { return fmt.Sprintf("r%d", first+state) }
	for i := range runes {
		known := slices.Compact(slices.Sorted(slices.Values(runes)))
		fmt.Fprintf(&g.rules, "%s ::= %s[^%s] %s", name(i), end, escaped(known), name(0))
		for _, c := range known {
			to := overlap(append(slices.Clone(runes[:i]), c), runes)
			next := follow
			if to < len(runes) {
				next = name(to)
			}
			fmt.Fprintf(&g.rules, " | [%s] %s", escaped([]rune{c}), next)
		}
		g.rules.WriteByte('\n')
	}
	return name(0)
}

// overlap is how many characters at the end of a text a mark begins with.
func overlap(text, mark []rune) int {
	for n := min(len(text), len(mark)); n > 0; n-- {
		if slices.Equal(text[len(text)-n:], mark[:n]) {
			return n
		}
	}
	return 0
}

// escaped are characters in a class.
func escaped(list []rune) string {
	return strings.NewReplacer(`\`, `\\`, `]`, `\]`, `^`, `\^`, `-`, `\-`, "\n", `\n`).Replace(string(list))
}
