package strictjson

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Unmarshal reads one JSON value into v, as encoding/json does, and refuses what that
// lets pass: text that is not UTF-8, a key twice, a key that is not exactly the name of a
// field of v, and null for anything but an interface. Errors wrap sentinel; v is undefined
// after one.
func Unmarshal(text []byte, v any, sentinel error) error {
	if !utf8.Valid(text) {
		return fmt.Errorf("not UTF-8: %w", sentinel)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%v: %w", err, sentinel)
	}
	w := walker{text: text, fields: map[reflect.Type]map[string]reflect.Type{}}
	if err := w.value(reflect.TypeOf(v)); err != nil {
		return fmt.Errorf("byte %d of the JSON: %v: %w", w.at, err, sentinel)
	}
	return nil
}

// walker goes through text that encoding/json has read: its grammar is right, and its
// depth bounded.
type walker struct {
	text   []byte
	at     int
	fields map[reflect.Type]map[string]reflect.Type // of the structs met so far
}

// anything is the type of a value whose keys may have any name.
var anything = reflect.TypeFor[any]()

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// value steps over the next value, which was read into a t.
func (w *walker) value(t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		t = anything // its own affair
	}
	switch w.next() {
	case '{':
		return w.object(t)
	case '[':
		inner := anything
		if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
			inner = t.Elem()
		}
		w.at++
		for w.next() != ']' {
			if err := w.value(inner); err != nil {
				return err
			}
			if w.next() == ',' {
				w.at++
			}
		}
		w.at++
	case '"':
		w.string()
	case 'n':
		if t.Kind() != reflect.Interface {
			return fmt.Errorf("null found, %v expected", t.Kind())
		}
		w.at += len("null")
	default: // a number, true, false
		for w.at < len(w.text) && strings.IndexByte(" \t\r\n,]}", w.text[w.at]) < 0 {
			w.at++
		}
	}
	return nil
}

func (w *walker) object(t reflect.Type) error {
	seen := map[string]bool{}
	w.at++
	for w.next() != '}' {
		key := w.string()
		if seen[key] {
			return fmt.Errorf("key %.60q appears twice", key)
		}
		seen[key] = true
		inner := anything
		switch t.Kind() {
		case reflect.Map:
			inner = t.Elem()
		case reflect.Struct:
			var ok bool
			if inner, ok = w.fieldsOf(t)[key]; !ok {
				return fmt.Errorf("unknown key %.60q", key)
			}
		}
		w.next()
		w.at++ // the colon
		if err := w.value(inner); err != nil {
			return err
		}
		if w.next() == ',' {
			w.at++
			w.next()
		}
	}
	w.at++
	return nil
}

// next goes past white space and returns the byte there, 0 at the end.
func (w *walker) next() byte {
	for ; w.at < len(w.text); w.at++ {
		if c := w.text[w.at]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

// string steps over a string and returns it.
func (w *walker) string() (s string) {
	start, escaped := w.at, false
	for w.at++; w.text[w.at] != '"'; w.at++ {
		if w.text[w.at] == '\\' {
			escaped = true
			w.at++
		}
	}
	w.at++
	if !escaped {
		return string(w.text[start+1 : w.at-1])
	}
	_ = json.Unmarshal(w.text[start:w.at], &s) // which has read it before
	return s
}

// fieldsOf returns the types of a struct's fields by their names in JSON, those of
// embedded structs among them.
func (w *walker) fieldsOf(t reflect.Type) map[string]reflect.Type {
	if fields, ok := w.fields[t]; ok {
		return fields
	}
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			for name, inner := range w.fieldsOf(f.Type) {
				fields[name] = inner
			}
		case !f.IsExported():
		case name == "":
			fields[f.Name] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	w.fields[t] = fields
	return fields
}
