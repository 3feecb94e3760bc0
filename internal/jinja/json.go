package jinja

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"sort"
	"strings"
	"unicode/utf8"
)

// maxJSONDepth is how deep the data of a conversation may be nested.
const maxJSONDepth = 80

// FromJSON reads a value; the keys of objects keep their order, which internal/strictjson does
// not say, and of equal ones the last counts, as in Python, for which templates are written.
// Nothing but a template's text depends on it. Errors are ErrJSON.
func FromJSON(data []byte) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := readJSON(d, 0)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = fmt.Errorf("more after the value")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrJSON, err)
	}
	return v, nil
}

func readJSON(d *json.Decoder, depth int) (Value, error) {
	if depth > maxJSONDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxJSONDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			list := NewList()
			for d.More() {
				v, err := readJSON(d, depth+1)
				if err != nil {
					return nil, err
				}
				list.items = append(list.items, v)
			}
			_, err := d.Token()
			return list, err
		}
		dict := NewDict()
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := readJSON(d, depth+1)
			if err != nil {
				return nil, err
			}
			dict.Set(key.(string), v)
		}
		_, err := d.Token()
		return dict, err
	case json.Number:
		if !strings.ContainsAny(string(t), ".eE") {
			i, ok := new(big.Int).SetString(string(t), 10)
			if !ok || i.BitLen() > maxIntegerBits {
				return nil, fmt.Errorf("a number of %d digits", len(t))
			}
			return fromBig(i), nil
		}
		f, err := t.Float64()
		if err != nil && !math.IsInf(f, 0) {
			return nil, err
		}
		return f, nil
	}
	return t, nil // string, bool or nil
}

// jsonWriter writes values as Python's json.dumps does.
type jsonWriter struct {
	*renderer
	b               strings.Builder
	indent          string
	indented        bool
	between, colon  string
	ascii, sortKeys bool
}

// toJSON is transformers' filter tojson.
func toJSON(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "tojson", "ensure_ascii?", "indent?", "separators?", "sort_keys?")
	w := &jsonWriter{renderer: r, between: ", ", colon: ": ", ascii: truth(or(p[0], false)), sortKeys: truth(or(p[3], false))}
	switch indent := or(p[1], nil).(type) {
	case nil:
	case string, markup:
		w.indent, _ = asText(indent)
		w.indented = true
	default:
		n := max(0, r.index(indent))
		r.allocTimes(n, 1)
		w.indent, w.indented = strings.Repeat(" ", int(n)), true
	}
	if w.indented {
		w.between = ","
	}
	if s := or(p[2], nil); s != nil {
		pair := r.all(s)
		if len(pair) != 2 {
			r.raise("separators must be two")
		}
		w.between, w.colon = r.needText(pair[0]), r.needText(pair[1])
	}
	w.value(v, 0)
	return w.b.String()
}

func (w *jsonWriter) write(s string) {
	w.alloc(int64(len(s)))
	w.b.WriteString(s)
}

func (w *jsonWriter) value(v Value, depth int) {
	w.step(1)
	w.enter()
	defer w.leave()
	switch v := v.(type) {
	case nil:
		w.write("null")
	case bool:
		w.write(sprintf("%t", v))
	case float64:
		w.write(jsonFloat(v))
	case int64, *big.Int:
		w.write(w.str(v))
	case string, markup:
		s, _ := asText(v)
		w.text(s)
	case *List, *tuple:
		items, _ := w.sequence(v)
		w.items('[', ']', depth, len(items), func(i int) { w.value(items[i], depth+1) })
	case *Dict:
		w.object(v, depth)
	default:
		w.raise("object of type %s is not JSON serializable", typeName(v))
	}
}

func (w *jsonWriter) items(open, close byte, depth, n int, item func(i int)) {
	w.b.WriteByte(open)
	newline := func(depth int) {
		if w.indented && n > 0 {
			w.allocTimes(int64(depth), int64(len(w.indent)))
			w.write("\n" + strings.Repeat(w.indent, depth))
		}
	}
	for i := range n {
		if i > 0 {
			w.write(w.between)
		}
		newline(depth + 1)
		item(i)
	}
	newline(depth)
	w.b.WriteByte(close)
}

func (w *jsonWriter) object(d *Dict, depth int) {
	at := make([]int, len(d.keys))
	w.alloc(int64(8 * len(at)))
	for i := range at {
		at[i] = i
	}
	if w.sortKeys {
		sort.SliceStable(at, func(i, j int) bool { return w.ordered("<", d.keys[at[i]], d.keys[at[j]]) })
	}
	w.items('{', '}', depth, len(at), func(i int) {
		switch key := d.keys[at[i]].(type) {
		case nil:
			w.text("null")
		case bool:
			w.text(sprintf("%t", key))
		case float64:
			w.text(jsonFloat(key))
		case int64, *big.Int, string, markup:
			w.text(w.str(key))
		default:
			w.raise("keys must be str, int, float, bool or None, not %s", typeName(key))
		}
		w.write(w.colon)
		w.value(d.values[at[i]], depth+1)
	})
}

func jsonFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case math.IsNaN(f):
		return "NaN"
	}
	return floatRepr(f)
}

func (w *jsonWriter) text(s string) {
	w.alloc(int64(len(s)) + 2)
	w.b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			w.b.WriteByte('\\')
			w.b.WriteRune(c)
		case c == '\n':
			w.b.WriteString(`\n`)
		case c == '\r':
			w.b.WriteString(`\r`)
		case c == '\t':
			w.b.WriteString(`\t`)
		case c == '\f':
			w.b.WriteString(`\f`)
		case c == '\b':
			w.b.WriteString(`\b`)
		case c < 0x20 || w.ascii && c > 0x7E && c <= 0xFFFF:
			w.alloc(6)
			fmt.Fprintf(&w.b, `\u%04x`, c)
		case w.ascii && c > utf8.RuneSelf:
			w.alloc(12)
			c -= 0x10000
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, 0xD800+c>>10, 0xDC00+c&0x3FF)
		default:
			w.b.WriteRune(c)
		}
	}
	w.b.WriteByte('"')
}
