package grammar

import (
	"fmt"
	"slices"
)

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
