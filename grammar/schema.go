package grammar

import (
	"encoding/json"
	"fmt"
	"slices"
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
	var texts []string
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
		texts = append(texts, strings.TrimSuffix(to.String(), "\n"))
	}
	if len(texts) == 0 {
		c.fail(fmt.Errorf("enum of no values: %w", ErrSyntax))
		return nil
	}
	slices.Sort(texts)
	return c.trie(slices.Compact(texts))
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
