package grammar

import (
	"fmt"
	"regexp/syntax"
	"unicode"
)

// pattern returns the JSON strings, without their quotes, whose text a regular expression is found in.
func (c *compiler) pattern(source string) part {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		c.fail(fmt.Errorf("pattern %.60q: %w: %w", source, err, ErrSyntax))
		return nil
	}
	list := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		list = re.Sub
	}
	var all part
	anything := c.repeat(c.char(), 0, -1)
	if len(list) > 0 && list[0].Op == syntax.OpBeginText {
		list = list[1:]
	} else {
		all = append(all, anything...)
	}
	after := anything
	if n := len(list); n > 0 && list[n-1].Op == syntax.OpEndText {
		list, after = list[:n-1], nil
	}
	for _, r := range list {
		all = append(all, c.expression(r)...)
	}
	return append(all, after...)
}

// expression returns what a part of a regular expression matches, as it is written in JSON.
func (c *compiler) expression(re *syntax.Regexp) part {
	parts := func() []part {
		list := make([]part, len(re.Sub))
		for i, r := range re.Sub {
			list[i] = c.expression(r)
		}
		return list
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		return nil
	case syntax.OpLiteral:
		var all part
		for _, r := range re.Rune {
			ranges := []runes{{r, r}}
			if re.Flags&syntax.FoldCase != 0 {
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					ranges = append(ranges, runes{f, f})
				}
			}
			all = append(all, c.written(ranges)...)
		}
		return all
	case syntax.OpCharClass:
		var ranges []runes
		for i := 0; i < len(re.Rune); i += 2 {
			ranges = append(ranges, runes{re.Rune[i], re.Rune[i+1]})
		}
		return c.written(ranges)
	case syntax.OpAnyChar:
		return c.written(every)
	case syntax.OpAnyCharNotNL:
		return c.written(without(every, []runes{{'\n', '\n'}}))
	case syntax.OpCapture, syntax.OpConcat:
		return sequence(parts()...)
	case syntax.OpAlternate:
		return c.either(parts()...)
	case syntax.OpStar:
		return c.repeat(c.expression(re.Sub[0]), 0, -1)
	case syntax.OpPlus:
		return c.repeat(c.expression(re.Sub[0]), 1, -1)
	case syntax.OpQuest:
		return c.optional(c.expression(re.Sub[0]))
	case syntax.OpRepeat:
		return c.repeat(c.expression(re.Sub[0]), re.Min, re.Max)
	}
	c.fail(fmt.Errorf("pattern: %s within it: %w", re, ErrUnsupported))
	return nil
}

// written returns one character of the ranges, as it is written in a JSON string: as itself where it may be, else in the one way that
// everybody writes it.
func (c *compiler) written(ranges []runes) part {
	mustEscape := []runes{{0, 0x1f}, {'"', '"'}, {'\\', '\\'}}
	list := []part{}
	if plain := without(ranges, append(mustEscape, surrogates)); len(plain) > 0 {
		list = append(list, c.class(plain))
	}
	for _, escaped := range mustEscape {
		for r := escaped.lo; r <= escaped.hi; r++ {
			if within(ranges, r) {
				list = append(list, text(escape(r)))
			}
		}
	}
	return c.either(list...)
}

func within(ranges []runes, r rune) bool {
	for _, c := range ranges {
		if c.lo <= r && r <= c.hi {
			return true
		}
	}
	return false
}

// escape returns how a character that must be escaped is written.
func escape(r rune) string {
	if short, ok := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}[r]; ok {
		return short
	}
	return fmt.Sprintf(`\u%04x`, r)
}
