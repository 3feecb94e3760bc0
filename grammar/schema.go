package grammar

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// Schema makes a grammar of a JSON schema: every text of it is a value that the schema is true of. It knows type, properties, required,
// additionalProperties, items, prefixItems, minItems, maxItems, enum, const, anyOf, oneOf (as anyOf), allOf of one, $ref within the
// schema, minLength, maxLength, pattern, format (date, time, date-time, uuid), minimum and maximum and their exclusive kin of
// integers, and what only describes.
//
// Not every value that the schema is true of is a text of the grammar: members come in the order of properties, those not named there only
// where additionalProperties allows them expressly, numbers have at most 16 digits, and white space is a blank or a line's
// beginning. Errors are ErrSyntax, ErrLimit, and ErrUnsupported, which names what is not done.
func Schema(schema []byte) (*Grammar, error) {
	c := newCompiler()
	root := c.rule()
	c.add(root, c.in("", schema))
	return c.grammar(root)
}

// in returns the values that a schema is true of, which has a name where there are several.
func (c *compiler) in(name string, schema []byte) part {
	if len(schema) > maxSchema {
		c.fail(fmt.Errorf("a schema of more than %d bytes: %w", maxSchema, ErrLimit))
		return nil
	}
	c.defs = definitions{name: name, root: schema}
	return c.schema(schema, 0)
}

// Bounds of a schema; each reference is looked for from its beginning.
const (
	maxSchema     = 256 << 10
	maxReferences = 512
)

// definitions are the schema that references lead into.
type definitions struct {
	name string // of the schema, where there are several
	root []byte
}

// find returns what a reference, such as #/$defs/name, leads to.
func (d definitions) find(reference string) ([]byte, error) {
	path, ok := strings.CutPrefix(reference, "#")
	if !ok {
		return nil, fmt.Errorf("$ref %.60q leads out of the schema: %w", reference, ErrUnsupported)
	}
	at := d.root
	for _, name := range strings.Split(path, "/")[1:] {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		list, err := members(at)
		i := slices.IndexFunc(list, func(m member) bool { return m.name == name })
		if err != nil || i < 0 {
			return nil, fmt.Errorf("$ref %.60q leads nowhere: %w", reference, ErrSyntax)
		}
		at = list[i].value
	}
	return at, nil
}

// member is a member of an object.
type member struct {
	name  string
	value []byte
}

// members returns those of an object, in their order.
func members(object []byte) ([]member, error) {
	var list []member
	d := strictjson.NewDecoder(object, ErrSyntax)
	err := d.Object(func(name string) error {
		value, err := d.Raw()
		list = append(list, member{name, value})
		return err
	})
	if err == nil {
		err = d.Finish()
	}
	return list, err
}

// read reads a value of a keyword.
func (c *compiler) read(name string, value []byte, to any) bool {
	if err := json.Unmarshal(value, to); err != nil {
		c.fail(fmt.Errorf("%s: %.60s: %w", name, value, ErrSyntax))
		return false
	}
	return true
}

// keywords are what a schema says.
type keywords struct {
	types                              []string
	properties                         []member
	required                           []string
	additional, items                  []byte
	prefix, anyOf, values              []json.RawMessage
	valued                             bool // there is enum or const
	reference                          string
	least, most                        bound // minItems, maxItems
	shortest, longest                  bound // minLength, maxLength
	minimum, maximum                   *json.Number
	exclusiveMinimum, exclusiveMaximum *json.Number
	pattern, format                    *string
}

// bound is a number of things that may be absent.
type bound struct {
	n   int
	set bool
}

func (c *compiler) bound(to *bound, name string, value []byte) {
	var n float64
	if !c.read(name, value, &n) {
		return
	}
	if n < 0 || n != float64(int64(n)) || n > maxRepeat {
		c.fail(fmt.Errorf("%s %v is not in 0..%d: %w", name, n, maxRepeat, ErrLimit))
		return
	}
	*to = bound{int(n), true}
}

// keywords reads a schema.
func (c *compiler) keywords(list []member) *keywords {
	k := &keywords{}
	for _, m := range list {
		v := m.value
		switch m.name {
		case "title", "description", "default", "examples", "example", "$schema", "$id", "$comment", "$defs", "definitions", "deprecated", "readOnly", "writeOnly", "strict", "name", "discriminator":
			// These describe; definitions are read where something refers to them.
		case "type":
			if v[0] == '"' {
				k.types = make([]string, 1)
				c.read(m.name, v, &k.types[0])
			} else {
				c.read(m.name, v, &k.types)
			}
		case "properties":
			var err error
			if k.properties, err = members(v); err != nil {
				c.fail(fmt.Errorf("properties: %w", err))
			}
		case "required":
			c.read(m.name, v, &k.required)
		case "additionalProperties":
			k.additional = v
		case "items":
			k.items = v
		case "prefixItems":
			c.read(m.name, v, &k.prefix)
		case "anyOf", "oneOf":
			if k.anyOf != nil {
				c.fail(fmt.Errorf("anyOf and oneOf together: %w", ErrUnsupported))
			}
			c.read(m.name, v, &k.anyOf)
		case "allOf":
			if c.read(m.name, v, &k.anyOf); len(k.anyOf) != 1 {
				c.fail(fmt.Errorf("allOf of %d schemas: %w", len(k.anyOf), ErrUnsupported))
			}
		case "enum":
			k.valued = true
			c.read(m.name, v, &k.values)
		case "const":
			k.valued = true
			k.values = []json.RawMessage{v}
		case "$ref":
			c.read(m.name, v, &k.reference)
		case "minItems":
			c.bound(&k.least, m.name, v)
		case "maxItems":
			c.bound(&k.most, m.name, v)
		case "minLength":
			c.bound(&k.shortest, m.name, v)
		case "maxLength":
			c.bound(&k.longest, m.name, v)
		case "minimum":
			c.read(m.name, v, &k.minimum)
		case "maximum":
			c.read(m.name, v, &k.maximum)
		case "exclusiveMinimum":
			c.read(m.name, v, &k.exclusiveMinimum)
		case "exclusiveMaximum":
			c.read(m.name, v, &k.exclusiveMaximum)
		case "pattern":
			c.read(m.name, v, &k.pattern)
		case "format":
			c.read(m.name, v, &k.format)
		case "uniqueItems", "nullable":
			if on := false; c.read(m.name, v, &on) && on {
				c.fail(fmt.Errorf("%s: %w", m.name, ErrUnsupported))
			}
		default:
			c.fail(fmt.Errorf("%.60s: %w", m.name, ErrUnsupported))
		}
	}
	return k
}

// schema returns the values that a schema is true of.
func (c *compiler) schema(source []byte, depth int) part {
	if depth++; depth > maxDepth {
		c.fail(fmt.Errorf("schemas deeper than %d: %w", maxDepth, ErrLimit))
	}
	if c.err != nil {
		return nil
	}
	if string(source) == "true" {
		return c.value()
	}
	list, err := members(source)
	if err != nil {
		c.fail(fmt.Errorf("a schema is an object: %w", err))
		return nil
	}
	k := c.keywords(list)
	if c.err != nil {
		return nil
	}
	switch {
	case k.reference != "":
		return c.reference(k)
	case k.valued:
		return c.values(k)
	case k.anyOf != nil:
		if len(k.anyOf) == 0 || k.types != nil || k.properties != nil || k.items != nil {
			c.fail(fmt.Errorf("anyOf, oneOf or allOf beside a type: %w", ErrUnsupported))
			return nil
		}
		parts := make([]part, len(k.anyOf))
		for i, s := range k.anyOf {
			parts[i] = c.schema(s, depth)
		}
		return c.either(parts...)
	}
	types := k.types
	switch {
	case types != nil:
	case k.properties != nil || k.additional != nil || k.required != nil:
		types = []string{"object"}
	case k.items != nil || k.prefix != nil || k.least.set || k.most.set:
		types = []string{"array"}
	case k.pattern != nil || k.format != nil || k.shortest.set || k.longest.set:
		types = []string{"string"}
	case k.minimum != nil || k.maximum != nil || k.exclusiveMinimum != nil || k.exclusiveMaximum != nil:
		c.fail(fmt.Errorf("bounds of a number without type integer: %w", ErrUnsupported))
	default:
		return c.value()
	}
	var parts []part
	for _, t := range types {
		parts = append(parts, c.typed(t, k, depth))
	}
	if len(parts) == 0 {
		c.fail(fmt.Errorf("a schema of no type: %w", ErrSyntax))
		return nil
	}
	return c.either(parts...)
}

// reference returns what a schema elsewhere in the whole is true of.
func (c *compiler) reference(k *keywords) part {
	return c.shared(c.defs.name+"#"+k.reference, func() []part {
		if c.references++; c.references > maxReferences {
			c.fail(fmt.Errorf("more than %d references: %w", maxReferences, ErrLimit))
			return nil
		}
		source, err := c.defs.find(k.reference)
		if err != nil {
			c.fail(err)
			return nil
		}
		return []part{c.schema(source, 0)}
	})
}

// values returns the values of enum or const, as they are written without white space.
func (c *compiler) values(k *keywords) part {
	var parts []part
	for _, v := range k.values {
		d := json.NewDecoder(strings.NewReader(string(v)))
		d.UseNumber()
		var value any
		if err := d.Decode(&value); err != nil {
			c.fail(fmt.Errorf("%.60s: %w", v, ErrSyntax))
			return nil
		}
		var to strings.Builder
		e := json.NewEncoder(&to)
		e.SetEscapeHTML(false)
		if err := e.Encode(value); err != nil {
			c.fail(fmt.Errorf("%.60s: %w", v, ErrSyntax))
			return nil
		}
		parts = append(parts, text(strings.TrimSuffix(to.String(), "\n")))
	}
	if len(parts) == 0 {
		c.fail(fmt.Errorf("enum of no values: %w", ErrSyntax))
		return nil
	}
	return c.either(parts...)
}

// typed returns the values of a type.
func (c *compiler) typed(t string, k *keywords, depth int) part {
	switch t {
	case "object":
		return c.properties(k, depth)
	case "array":
		return c.items(k, depth)
	case "string":
		return c.strings(k)
	case "integer":
		return c.integers(k)
	case "number":
		if k.minimum != nil || k.maximum != nil || k.exclusiveMinimum != nil || k.exclusiveMaximum != nil {
			c.fail(fmt.Errorf("bounds of numbers that are no integers: %w", ErrUnsupported))
		}
		return c.number()
	case "boolean":
		return c.either(text("true"), text("false"))
	case "null":
		return text("null")
	}
	c.fail(fmt.Errorf("type %.20q: %w", t, ErrSyntax))
	return nil
}

// properties returns objects with the properties in their order, of which some may be left out.
func (c *compiler) properties(k *keywords, depth int) part {
	for _, name := range k.required {
		if !slices.ContainsFunc(k.properties, func(m member) bool { return m.name == name }) {
			c.fail(fmt.Errorf("required %.60q is no property: %w", name, ErrUnsupported))
			return nil
		}
	}
	more := part(nil) // another member
	switch additional := string(k.additional); {
	case additional == "false", additional == "" && k.properties != nil:
	case additional == "" || additional == "true":
		more = c.member(c.str(), c.value())
	default:
		more = c.member(c.str(), c.schema(k.additional, depth))
	}
	if more != nil && k.properties != nil {
		c.fail(fmt.Errorf("additionalProperties beside properties: %w", ErrUnsupported))
		return nil
	}
	if k.properties == nil {
		if more == nil {
			return sequence(text("{"), c.space(), text("}"))
		}
		return sequence(text("{"), c.space(), c.optional(sequence(more, c.repeat(sequence(c.comma(), more), 0, -1))), text("}"))
	}
	// rest[i] are the properties from i on, of an object that has some before, first[i] of one that has none.
	n := len(k.properties)
	rest, first := make([]part, n+1), make([]part, n+1)
	for i := n - 1; i >= 0; i-- {
		m := k.properties[i]
		one := c.member(text(quoted(m.name)), c.schema(m.value, depth))
		if c.err != nil {
			return nil
		}
		if slices.Contains(k.required, m.name) {
			first[i] = c.apart(sequence(one, rest[i+1]))
			rest[i] = c.apart(sequence(c.comma(), one, rest[i+1]))
			continue
		}
		first[i] = c.apart(sequence(one, rest[i+1]), first[i+1])
		rest[i] = c.apart(sequence(c.comma(), one, rest[i+1]), rest[i+1])
	}
	return sequence(text("{"), c.space(), first[0], text("}"))
}

func quoted(s string) string {
	var to strings.Builder
	e := json.NewEncoder(&to)
	e.SetEscapeHTML(false)
	e.Encode(s) // of a string, which cannot fail
	return strings.TrimSuffix(to.String(), "\n")
}

// items returns lists.
func (c *compiler) items(k *keywords, depth int) part {
	most := -1
	if k.most.set {
		most = k.most.n
	}
	if most >= 0 && most < k.least.n {
		c.fail(fmt.Errorf("maxItems %d is below minItems %d: %w", most, k.least.n, ErrSyntax))
		return nil
	}
	if k.prefix != nil {
		if string(k.items) != "false" && (!k.most.set || k.most.n > len(k.prefix)) || k.least.set && k.least.n != len(k.prefix) || k.most.set && k.most.n != len(k.prefix) {
			c.fail(fmt.Errorf("prefixItems of lists that may be longer or shorter: %w", ErrUnsupported))
			return nil
		}
		all := sequence(text("["), c.space())
		for i, s := range k.prefix {
			if i > 0 {
				all = append(all, c.comma()...)
			}
			all = sequence(all, c.schema(s, depth), c.space())
		}
		return sequence(all, text("]"))
	}
	item := c.value()
	switch string(k.items) {
	case "":
	case "false":
		most = 0
	default:
		item = c.schema(k.items, depth)
	}
	return c.list(item, k.least.n, most)
}

// formats are those that a pattern says.
var formats = map[string]string{
	"date":      `^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`,
	"time":      `^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`,
	"date-time": `^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`,
	"uuid":      `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`,
}

// strings returns strings.
func (c *compiler) strings(k *keywords) part {
	pattern := k.pattern
	if k.format != nil {
		known, ok := formats[*k.format]
		if !ok || pattern != nil {
			c.fail(fmt.Errorf("format %.40q: %w", *k.format, ErrUnsupported))
			return nil
		}
		pattern = &known
	}
	length := k.shortest.set || k.longest.set
	switch {
	case pattern != nil && length:
		c.fail(fmt.Errorf("a pattern or format beside a length: %w", ErrUnsupported))
		return nil
	case pattern != nil:
		return sequence(text(`"`), c.pattern(*pattern), text(`"`))
	case !length:
		return c.str()
	}
	most := -1
	if k.longest.set {
		most = k.longest.n
	}
	if most >= 0 && most < k.shortest.n {
		c.fail(fmt.Errorf("maxLength %d is below minLength %d: %w", most, k.shortest.n, ErrSyntax))
		return nil
	}
	return sequence(text(`"`), c.repeat(c.char(), k.shortest.n, most), text(`"`))
}

// integers returns whole numbers, perhaps of a range.
func (c *compiler) integers(k *keywords) part {
	const least, most = -1e16 + 1, 1e16 - 1 // of maxDigits digits
	lo, hi, bounded := int64(least), int64(most), false
	take := func(n *json.Number, name string, set func(v int64)) {
		if n == nil {
			return
		}
		v, err := strconv.ParseInt(string(*n), 10, 64)
		if f, ferr := n.Float64(); err != nil && ferr == nil && f == float64(int64(f)) {
			v, err = int64(f), nil
		}
		if err != nil || v < least || v > most {
			c.fail(fmt.Errorf("%s %.40s of an integer: %w", name, *n, ErrUnsupported))
		}
		bounded = true
		set(v)
	}
	take(k.minimum, "minimum", func(v int64) { lo = max(lo, v) })
	take(k.maximum, "maximum", func(v int64) { hi = min(hi, v) })
	take(k.exclusiveMinimum, "exclusiveMinimum", func(v int64) { lo = max(lo, v+1) })
	take(k.exclusiveMaximum, "exclusiveMaximum", func(v int64) { hi = min(hi, v-1) })
	if !bounded {
		return c.integer()
	}
	if lo > hi {
		c.fail(fmt.Errorf("no integer is in %d..%d: %w", lo, hi, ErrSyntax))
		return nil
	}
	var parts []part
	if lo < 0 {
		parts = append(parts, sequence(text("-"), c.between(max(1, -hi), -lo)))
	}
	if hi >= 0 {
		parts = append(parts, c.between(max(0, lo), hi))
	}
	return c.either(parts...)
}

// between returns the whole numbers of a range from 0 on, without zeros in front.
func (c *compiler) between(lo, hi int64) part {
	var parts []part
	for tens := int64(1); ; tens *= 10 { // numbers of as many digits
		from, to := max(lo, tens), min(hi, 10*tens-1)
		if tens == 1 {
			from = lo
		}
		if from <= to {
			parts = append(parts, c.digits(strconv.FormatInt(from, 10), strconv.FormatInt(to, 10)))
		}
		if 10*tens > hi {
			return c.either(parts...)
		}
	}
}

// digits returns the texts of digits between two that are as long.
func (c *compiler) digits(lo, hi string) part {
	n := len(lo) - 1
	if strings.Trim(lo, "0") == "" && strings.Trim(hi, "9") == "" { // all of them
		return c.repeat(c.digit(), n+1, n+1)
	}
	one := func(a, b byte) part { return part{{kind: byteRange, lo: a, hi: b}} }
	if lo[0] == hi[0] {
		return sequence(one(lo[0], hi[0]), c.digits(lo[1:], hi[1:]))
	}
	nines, zeros := strings.Repeat("9", n), strings.Repeat("0", n)
	parts := []part{sequence(one(lo[0], lo[0]), c.digits(lo[1:], nines)), sequence(one(hi[0], hi[0]), c.digits(zeros, hi[1:]))}
	if lo[0]+1 < hi[0] {
		parts = append(parts, sequence(one(lo[0]+1, hi[0]-1), c.digits(zeros, nines)))
	}
	return c.either(parts...)
}
