package grammar

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Objects returns a schema of the objects that a schema is true of, as the arguments of a function are: one that says no type, nor anything that makes it
// one of objects, gets the type object, and of several types object is left. Errors are ErrSyntax where what it names, at its top or in the alternatives and
// references there, is no object, or not said to be one where a reference leads, and ErrLimit; else what is unknown or malformed is Schema's affair.
func Objects(schema []byte) (json.RawMessage, error) {
	if len(schema) > maxSchema { // which Schema refuses
		return schema, nil
	}
	o := objects{root: definitions{root: schema}, seen: map[string]bool{}}
	return o.of(schema, 0)
}

// maxObjects bounds the references that are followed for a type; each is looked for from the schema's beginning.
const maxObjects = 64

// objects looks for what is no object.
type objects struct {
	root definitions
	seen map[string]bool // references
}

// of returns a schema of the objects that one is true of.
func (o *objects) of(schema []byte, depth int) ([]byte, error) {
	if string(schema) == "true" {
		return []byte(`{"type": "object"}`), nil
	}
	list, err := members(schema)
	if err != nil {
		return schema, nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("schemas of arguments deeper than %d: %w", maxDepth, ErrLimit)
	}
	typed := slices.ContainsFunc(list, func(m member) bool { return m.name == "type" })
	said, changed := false, false // that it is one of objects
	for i := range list {
		m := &list[i]
		value, says := m.value, string(m.value) != "null"
		switch m.name {
		case "type":
			value, err = objectType(m.value)
		case "const":
			err = allObjects(m.name, []json.RawMessage{m.value})
		case "enum":
			var values []json.RawMessage
			if json.Unmarshal(m.value, &values) == nil {
				err = allObjects(m.name, values)
			}
		case "$ref":
			says = says && string(m.value) != `""`
			err = o.reference(m.value, depth)
		case "anyOf", "oneOf", "allOf":
			if !typed { // beside a type no grammar is made of them
				value, err = o.each(m.value, depth)
			}
		case "properties":
			named, err := members(m.value)
			says = err == nil && len(named) > 0
		case "required", "additionalProperties": // only objects have them
		default:
			says = false
		}
		if err != nil {
			return nil, err
		}
		said = said || says
		changed = changed || !bytes.Equal(value, m.value)
		m.value = value
	}
	if !said {
		list, changed = append(list, member{"type", []byte(`"object"`)}), true
	}
	if !changed {
		return schema, nil
	}
	return object(list), nil
}

// objectType returns the type object, if it is among those that a schema names.
func objectType(value []byte) ([]byte, error) {
	var one string
	var types []string
	if json.Unmarshal(value, &one) == nil {
		types = []string{one}
	} else if json.Unmarshal(value, &types) != nil {
		return value, nil
	}
	if !slices.Contains(types, "object") {
		return nil, fmt.Errorf("type %.60s is not object: %w", value, ErrSyntax)
	}
	if len(types) == 1 {
		return value, nil
	}
	return []byte(`"object"`), nil
}

// allObjects refuses values of a keyword that are no objects.
func allObjects(name string, values []json.RawMessage) error {
	for _, v := range values {
		if v[0] != '{' {
			return fmt.Errorf("%s has %.60s, which is not an object: %w", name, v, ErrSyntax)
		}
	}
	return nil
}

// each returns alternatives, each with its objects alone.
func (o *objects) each(value []byte, depth int) ([]byte, error) {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return value, nil
	}
	changed := false
	each := make([][]byte, len(list))
	for i, s := range list {
		var err error
		if each[i], err = o.of(s, depth+1); err != nil {
			return nil, err
		}
		changed = changed || !bytes.Equal(each[i], s)
	}
	if !changed {
		return value, nil
	}
	return fmt.Appendf(nil, "[%s]", bytes.Join(each, []byte(", "))), nil
}

// reference refuses one that leads to what is not said to be objects: it is not changed, since others may refer to it.
func (o *objects) reference(value []byte, depth int) error {
	var name string
	if json.Unmarshal(value, &name) != nil || o.seen[name] {
		return nil
	}
	if len(o.seen) == maxObjects {
		return fmt.Errorf("more than %d references to arguments: %w", maxObjects, ErrLimit)
	}
	o.seen[name] = true
	target, err := o.root.find(name)
	if err != nil {
		return nil
	}
	same, err := o.of(target, depth+1)
	if err == nil && !bytes.Equal(same, target) {
		err = fmt.Errorf("it is not said to be of the type object alone: %w", ErrSyntax)
	}
	if err != nil {
		return fmt.Errorf("$ref %.60q: %w", name, err)
	}
	return nil
}

// object writes members.
func object(list []member) []byte {
	each := make([][]byte, len(list))
	for i, m := range list {
		each[i] = fmt.Appendf(nil, "%s: %s", quoted(m.name), m.value)
	}
	return fmt.Appendf(nil, "{%s}", bytes.Join(each, []byte(", ")))
}
