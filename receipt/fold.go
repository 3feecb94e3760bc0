package receipt

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Unmarshal reads a strict JSON document (see [Canonical]) into a Go value, as
// encoding/json does, but for keys that differ from a field's name in case only. Those
// are ErrJSON: encoding/json would take them for the field, while hashes, and other
// readers, tell them apart. Errors are those of Canonical, and encoding/json's.
func Unmarshal(document []byte, v any) error {
	n, err := parse(document)
	if err != nil {
		return err
	}
	return n.unmarshal(document, v)
}

// unmarshal is Unmarshal of the document that n was parsed from.
func (n *node) unmarshal(document []byte, v any) error {
	if err := n.exactKeys(reflect.TypeOf(v)); err != nil {
		return err
	}
	return json.Unmarshal(document, v)
}

// exactKeys checks the keys of n, which is to be read into a value of type t.
func (n *node) exactKeys(t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.kind == array && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array), n.kind == object && t.Kind() == reflect.Map:
		for i := range n.list {
			if err := n.list[i].exactKeys(t.Elem()); err != nil {
				return err
			}
		}
	case n.kind == object && t.Kind() == reflect.Struct:
		fields := jsonFields(t)
		for i, key := range n.keys {
			if field, ok := fields[key]; ok {
				if err := n.list[i].exactKeys(field); err != nil {
					return err
				}
				continue
			}
			for name := range fields {
				if strings.EqualFold(name, key) {
					return fmt.Errorf("%w: key %.60q in place of %q", ErrJSON, key, name)
				}
			}
		}
	}
	return nil
}

// jsonFields returns the types of a struct's fields by their names in JSON.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name != "":
			fields[name] = f.Type
		default:
			fields[f.Name] = f.Type
		}
	}
	return fields
}
