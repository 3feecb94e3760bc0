package grammar

// compiler makes grammars of JSON values.
type compiler struct {
	builder
	once map[string]int32 // rules that are made once, by their names

	defs       definitions
	references int // that were followed
}

func newCompiler() *compiler { return &compiler{once: map[string]int32{}} }

// shared returns the rule with a name, which make adds the alternatives of when it is asked for first.
func (c *compiler) shared(name string, make func() []part) part {
	if c.err != nil {
		return nil
	}
	rule, ok := c.once[name]
	if !ok {
		rule = c.rule()
		c.once[name] = rule
		for _, p := range make() {
			c.add(rule, p)
		}
	}
	return of(rule)
}

// maxIndent is how far a line may be indented: no text is all blanks.
const maxIndent = 20

// space is what may stand between the parts of a value: nothing, a blank, or the beginning of a line.
func (c *compiler) space() part {
	return c.shared("space", func() []part {
		return []part{nil, text(" "), sequence(text("\n"), c.repeat(c.class([]runes{{' ', ' '}, {'\t', '\t'}}), 0, maxIndent))}
	})
}

func (c *compiler) digit() part { return part{{kind: byteRange, lo: '0', hi: '9'}} }

// maxDigits is how many digits a number has at most: as many as a float64 keeps.
const maxDigits = 16

func (c *compiler) integer() part {
	return c.shared("integer", func() []part {
		return []part{sequence(c.optional(text("-")), c.natural())}
	})
}

// natural is a whole number from 0 on.
func (c *compiler) natural() part {
	return c.shared("natural", func() []part {
		return []part{text("0"), sequence(part{{kind: byteRange, lo: '1', hi: '9'}}, c.repeat(c.digit(), 0, maxDigits-1))}
	})
}

func (c *compiler) number() part {
	return c.shared("number", func() []part {
		fraction := c.optional(sequence(text("."), c.repeat(c.digit(), 1, maxDigits)))
		// Of two digits, so that a float64 has the number.
		exponent := c.optional(sequence(c.either(text("e"), text("E")), c.either(nil, text("+"), text("-")), c.repeat(c.digit(), 1, 2)))
		return []part{sequence(c.integer(), fraction, exponent)}
	})
}

// char is a character of a string, in any way that it may be written; escaped surrogates come in pairs.
func (c *compiler) char() part {
	return c.shared("char", func() []part {
		hex := func(digits string) part {
			var ranges []runes
			for _, r := range digits {
				ranges = append(ranges, runes{r, r})
			}
			return c.class(ranges)
		}
		one := hex("0123456789abcdefABCDEF")
		d := hex("dD")
		code := c.either(
			sequence(hex("0123456789abcefABCEF"), one, one, one),
			sequence(d, hex("01234567"), one, one),
			sequence(d, hex("89abAB"), one, one, text(`\u`), d, hex("cdefCDEF"), one, one),
		)
		return []part{
			c.class(without(every, []runes{{0, 0x1f}, {'"', '"'}, {'\\', '\\'}})),
			sequence(text(`\`), c.either(hex(`"\/bfnrt`), sequence(text("u"), code))),
		}
	})
}

func (c *compiler) str() part {
	return c.shared("string", func() []part {
		return []part{sequence(text(`"`), c.repeat(c.char(), 0, -1), text(`"`))}
	})
}

// value is any value.
func (c *compiler) value() part {
	return c.shared("value", func() []part {
		return []part{c.object(), c.list(c.value(), 0, -1), c.str(), c.number(), text("true"), text("false"), text("null")}
	})
}

// object is any object.
func (c *compiler) object() part {
	return c.shared("object", func() []part {
		return []part{sequence(text("{"), c.space(), c.optional(sequence(c.member(c.str(), c.value()), c.repeat(sequence(c.comma(), c.member(c.str(), c.value())), 0, -1))), text("}"))}
	})
}

// member is a name and its value, and the space behind.
func (c *compiler) member(name, value part) part {
	return sequence(name, c.space(), text(":"), c.space(), value, c.space())
}

func (c *compiler) comma() part { return sequence(text(","), c.space()) }

// list is a list of so many items.
func (c *compiler) list(item part, least, most int) part {
	item = sequence(item, c.space())
	var items part
	switch {
	case most == 0:
	case least == 0:
		items = c.optional(sequence(item, c.repeat(sequence(c.comma(), item), 0, max(-1, most-1))))
	default:
		items = sequence(item, c.repeat(sequence(c.comma(), item), least-1, max(-1, most-1)))
	}
	return sequence(text("["), c.space(), items, text("]"))
}

// Object returns the grammar of any JSON object.
func Object() *Grammar {
	c := newCompiler()
	root := c.rule()
	c.add(root, c.object())
	g, err := c.grammar(root)
	if err != nil {
		panic(err) // it is always the same
	}
	return g
}
