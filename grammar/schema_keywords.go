package grammar

import (
	"encoding/json"
	"fmt"
)

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

// upTo returns an upper bound, −1 for none, and whether it is not below the lower one.
func (c *compiler) upTo(highest string, most bound, lowest string, least bound) (n int, ok bool) {
	if !most.set {
		return -1, true
	}
	if most.n < least.n {
		c.fail(fmt.Errorf("%s %d is below %s %d: %w", highest, most.n, lowest, least.n, ErrSyntax))
		return 0, false
	}
	return most.n, true
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
