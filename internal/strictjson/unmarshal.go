package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Unmarshal reads one JSON value into v, as encoding/json does, and refuses what that
// lets pass: a key twice, a key that is not exactly the name of a field of v, and null for
// anything but an interface. Errors wrap sentinel; v is undefined after one.
func Unmarshal(text []byte, v any, sentinel error) error {
	return unmarshal(text, v, sentinel, true)
}

// UnmarshalOpen is Unmarshal for objects that may have keys beyond v's, which are ignored
// unless they differ from one of v's in case only, and where null leaves a field as it is.
// It is for what others write, and other versions: half a surrogate pair in a string becomes
// U+FFFD. Without a sentinel, errors wrap this package's alone.
func UnmarshalOpen(text []byte, v any, sentinel error) error {
	return unmarshal(text, v, sentinel, false)
}

func unmarshal(text []byte, v any, sentinel error, closed bool) error {
	d := Decoder{&scanner{text: text, python: !closed}, sentinel}
	w := walker{scan: d.scan, closed: closed, fields: map[reflect.Type]map[string]reflect.Type{}}
	err := w.value(reflect.TypeOf(v))
	if err == nil {
		err = d.scan.end()
	}
	if err != nil {
		return d.fail(err)
	}
	// The text is sound; what is left are values of another type, or beyond its range.
	err = json.Unmarshal(text, v)
	if bad := new(json.UnmarshalTypeError); errors.As(err, &bad) {
		d.scan.at = int(bad.Offset)
		return d.fail(&Mismatch{bad.Field, bad.Value, wordFor(bad.Type)})
	}
	return d.fail(err)
}

// Mismatch is a value of another type than its field has: an ErrType.
type Mismatch struct {
	Field         string // the names that lead to it, with periods between; "": the whole
	Found, Wanted string // what JSON calls them
}

func (m *Mismatch) Error() string {
	field := ""
	if m.Field != "" {
		field = m.Field + ": "
	}
	return fmt.Sprintf("%s%s found, %s expected: %v", field, m.Found, m.Wanted, ErrType)
}

// Unwrap returns ErrType.
func (m *Mismatch) Unwrap() error { return ErrType }

// walker goes through text beside the Go type that it will be read into.
type walker struct {
	scan   *scanner
	closed bool
	fields map[reflect.Type]map[string]reflect.Type // of the structs met so far
}

// anything is the type of a value whose keys may have any name.
var anything = reflect.TypeFor[any]()

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// value steps over the next value, which is to be read into a t.
func (w *walker) value(t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch w.scan.next() {
	case '{':
		return w.object(t)
	case '[':
		inner := anything
		if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
			inner = t.Elem()
		}
		return w.scan.array(func() error { return w.value(inner) })
	case 'n':
		at := w.scan.at
		err := w.scan.skip(true)
		if err == nil && w.closed && t.Kind() != reflect.Interface {
			w.scan.at = at
			err = fmt.Errorf("null found, %s expected: %w", wordFor(t), ErrType)
		}
		return err
	}
	return w.scan.skip(true)
}

// wordFor is what JSON calls the values that are read into a t.
func wordFor(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	}
	return t.Kind().String() // integers say how wide they are
}

func (w *walker) object(t reflect.Type) error {
	inner := anything
	var fields map[string]reflect.Type
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler): // its own affair
	case t.Kind() == reflect.Map:
		inner = t.Elem()
	case t.Kind() == reflect.Struct:
		fields = w.fieldsOf(t)
	}
	return w.scan.object(func(key []byte) error {
		if !utf8.Valid(key) { // to encoding/json all lone surrogates are the same
			return fmt.Errorf("key %.60q: %w", key, ErrUTF8)
		}
		if fields == nil {
			return w.value(inner)
		}
		field, ok := fields[string(key)]
		if !ok {
			return w.unknown(fields, key)
		}
		return w.value(field)
	})
}

// unknown decides about a key that is no field.
func (w *walker) unknown(fields map[string]reflect.Type, key []byte) error {
	if w.closed {
		return fmt.Errorf("unknown key %.60q: %w", key, ErrType)
	}
	for name := range fields {
		if strings.EqualFold(name, string(key)) {
			return fmt.Errorf("%w: key %.60q in place of %q", ErrSyntax, key, name)
		}
	}
	return w.scan.skip(true)
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
