package cdna

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// An objectReader takes the members of one JSON object apart. The first error stays, and wraps ErrHeader or ErrShape.
type objectReader struct {
	members map[string]json.RawMessage // those not taken yet, each value as it was written
	err     error
}

// readObject reads an object strictly, because two readers could else believe two different things. Values that nobody
// takes stay as they are.
func readObject(text []byte) *objectReader {
	o := &objectReader{members: map[string]json.RawMessage{}}
	d := strictjson.NewDecoder(text, ErrHeader)
	o.err = d.Object(func(key string) (err error) {
		o.members[key], err = d.Raw()
		return err
	})
	if o.err == nil {
		o.err = d.Finish()
	}
	return o
}

func (o *objectReader) fail(format string, args ...any) {
	if o.err == nil {
		o.err = fmt.Errorf("%w: %s", ErrHeader, fmt.Sprintf(format, args...))
	}
}

// take removes a member, stores its value in v and reports whether it was there; null counts as absent.
func (o *objectReader) take(key string, v any) bool {
	raw, ok := o.members[key]
	delete(o.members, key)
	if !ok || string(raw) == "null" {
		return false
	}
	if err := strictjson.Unmarshal(raw, v, ErrHeader); err != nil && o.err == nil {
		o.err = fmt.Errorf("%s: %w", key, err)
	}
	return true
}

// need is take for a member that must be there.
func (o *objectReader) need(key string, v any) {
	if !o.take(key, v) {
		o.fail("no %s", key)
	}
}

// needEqual takes a member that must have one given value.
func needEqual[T comparable](o *objectReader, key string, want T) {
	var got T
	if o.need(key, &got); got != want {
		o.fail("%s is %v, want %v", key, got, want)
	}
}

// needShape takes "shape", which must be two numbers.
func (o *objectReader) needShape() (rows, cols int) {
	if o.err != nil {
		return 0, 0
	}
	var shape []int
	if o.need("shape", &shape); o.err != nil {
		o.err = fmt.Errorf("%w: %w", ErrShape, o.err)
	} else if len(shape) != 2 {
		o.err = fmt.Errorf("%w: %d dimensions, want 2", ErrShape, len(shape))
	}
	if o.err != nil {
		return 0, 0
	}
	return shape[0], shape[1]
}

// rest returns the members not taken, nil if there are none.
func (o *objectReader) rest() map[string]json.RawMessage {
	if len(o.members) == 0 {
		return nil
	}
	return o.members
}

// An objectWriter writes a JSON object compactly, its members in the order they are added. The first error stays.
type objectWriter struct {
	text []byte
	keys map[string]bool
	err  error
}

// add writes one member. Characters are written as they are, without HTML escapes.
func (w *objectWriter) add(key string, value any) {
	if w.err != nil {
		return
	}
	if w.reserve(key); w.err != nil {
		return
	}
	sep := byte(',')
	if len(w.text) == 0 {
		sep = '{'
	}
	w.text = append(w.text, sep)
	w.encode(key)
	w.text = append(w.text, ':')
	w.encode(value)
}

// reserve makes later members of that key an error.
func (w *objectWriter) reserve(key string) {
	if w.keys[key] {
		w.err = fmt.Errorf("%w: key %q is the format's own", ErrHeader, key)
		return
	}
	if w.keys == nil {
		w.keys = map[string]bool{}
	}
	w.keys[key] = true
}

func (w *objectWriter) encode(value any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil && w.err == nil {
		w.err = fmt.Errorf("%w: %v", ErrHeader, err)
	}
	w.text = append(w.text, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// addSorted writes members in the order of their keys' bytes.
func addSorted[V any](w *objectWriter, members map[string]V) {
	for _, key := range slices.Sorted(maps.Keys(members)) {
		w.add(key, members[key])
	}
}

// done closes the object.
func (w *objectWriter) done() ([]byte, error) {
	if len(w.text) == 0 {
		w.text = append(w.text, '{')
	}
	w.text = append(w.text, '}')
	if w.err == nil && !utf8.Valid(w.text) {
		w.err = fmt.Errorf("%w: not UTF-8", ErrHeader)
	}
	return w.text, w.err
}

// checkText refuses text that is not UTF-8, which encoding/json would silently change.
func checkText(key, text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%w: %s %q is not UTF-8", ErrHeader, key, text)
	}
	return nil
}
