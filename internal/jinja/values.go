package jinja

import (
	"math"
	"math/big"
	"sort"
	"strings"
)

// Value is what a template works with: nil (None), bool, int64, *big.Int (beyond int64 only), float64, string, or a *List or *Dict of
// those. Inside there are more kinds: texts marked safe, tuples, ranges, generators, macros and methods.
type Value = any

// List is a Python list.
type List struct{ items []Value }

// NewList returns a list of the items, which it keeps.
func NewList(items ...Value) *List { return &List{items} }

// Len returns the number of items.
func (l *List) Len() int { return len(l.items) }

type (
	tuple struct {
		items   []Value
		grouped bool // from groupby: .grouper and .list are names of its items
	}
	markup string // a text that is safe in HTML: operators escape what is added to it
	// undefined is what looking for something missing gives. It is empty and false; using it is an error, with why.
	undefined struct {
		why    string
		unsafe bool // Python would give it, the sandbox does not
	}
	numbers struct{ start, stop, step, n int64 } // range()
	view    struct {                             // of a dict: what its keys(), values(), items() give
		dict *Dict
		kind string
	}
	// iterator gives values one at a time, once.
	iterator struct {
		kind string // Python's name of it
		next func() (Value, bool)
	}
	namespace struct{ attributes *Dict }
	cycler    struct {
		items []Value
		at    int
	}
	joiner struct {
		separator Value
		used      bool
	}
	missingValue struct{}
)

// missing is what a variable holds before anything is put there.
var missing = missingValue{}

// Dict is a Python dict: it keeps the order in which keys were put in.
type Dict struct {
	keys   []Value
	values []Value
	index  map[any]int
}

// NewDict returns an empty dict.
func NewDict() *Dict { return &Dict{index: map[any]int{}} }

// Set puts a value under a text.
func (d *Dict) Set(key string, value Value) { d.put(key, key, value) }

// Get returns the value under a text.
func (d *Dict) Get(key string) (Value, bool) {
	i, ok := d.index[key]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

// Len returns the number of keys.
func (d *Dict) Len() int { return len(d.keys) }

func (d *Dict) put(hash any, key, value Value) {
	if i, ok := d.index[hash]; ok {
		d.values[i] = value
		return
	}
	d.index[hash] = len(d.keys)
	d.keys = append(d.keys, key)
	d.values = append(d.values, value)
}

// Kinds of keys beside texts, integers and floats, which are their own hash.
type (
	noneHash      struct{}
	undefinedHash struct{}
	bigHash       string
	tupleHash     string
)

// hash returns what tells keys apart in a dict: equal for equal keys (1, 1.0 and True are). ok is false for what has none in Python.
func (m *meter) hash(v Value) (hash any, ok bool) {
	switch v := v.(type) {
	case nil:
		return noneHash{}, true
	case bool:
		if v {
			return int64(1), true
		}
		return int64(0), true
	case int64:
		return v, true
	case string, markup:
		s, _ := asText(v)
		m.scan(len(s))
		return s, true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<62 {
			return int64(v), true
		}
		if v == math.Trunc(v) && !math.IsInf(v, 0) {
			i, _ := big.NewFloat(v).Int(nil)
			return bigHash(i.String()), true
		}
		return v, true
	case *big.Int:
		m.step(v.BitLen() / 16)
		return bigHash(v.String()), true
	case *tuple:
		m.enter()
		defer m.leave()
		var b strings.Builder
		for _, item := range v.items {
			h, ok := m.hash(item)
			if !ok {
				return nil, false
			}
			s := sprintf("%T %v", h, h)
			m.alloc(int64(len(s)) + 16)
			b.WriteString(sprintf("%d:%s", len(s), s))
		}
		return tupleHash(b.String()), true
	case *undefined:
		return undefinedHash{}, true
	case *List, *Dict, *view:
		return nil, false
	}
	return v, true // by identity
}

// setItem puts a value into a dict of the template's.
func (m *meter) setItem(d *Dict, key, value Value) {
	h, ok := m.hash(key)
	if !ok {
		m.raise("unhashable type: '%s'", typeName(key))
	}
	m.alloc(96)
	d.put(h, key, value)
}

// item looks a key up. hashable is false where Python raises a TypeError.
func (m *meter) dictItem(d *Dict, key Value) (v Value, ok, hashable bool) {
	h, hashable := m.hash(key)
	if !hashable {
		return nil, false, false
	}
	i, ok := d.index[h]
	if !ok {
		return nil, false, true
	}
	return d.values[i], true, true
}

func (m *meter) newList(items []Value) *List {
	m.alloc(int64(16*len(items)) + 40)
	return &List{items}
}

func (m *meter) newTuple(items ...Value) *tuple {
	m.alloc(int64(16*len(items)) + 40)
	return &tuple{items: items}
}

func (m *meter) undefined(format string, args ...any) *undefined {
	m.alloc(64)
	return &undefined{why: clip(sprintf(format, args...), 200)}
}

// typeName is Python's name of a value's type.
func typeName(v Value) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case markup:
		return "Markup"
	case *List:
		return "list"
	case *tuple:
		return "tuple"
	case *Dict:
		return "dict"
	case *numbers:
		return "range"
	case *view:
		return "dict_" + v.kind
	case *iterator:
		return v.kind
	case *undefined:
		return "Undefined"
	case *namespace:
		return "Namespace"
	case *cycler:
		return "Cycler"
	case *joiner:
		return "Joiner"
	case *macro:
		return "Macro"
	case *loop:
		return "LoopContext"
	}
	return "function"
}

// truth is Python's bool().
func truth(v Value) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case markup:
		return v != ""
	case *List:
		return len(v.items) > 0
	case *tuple:
		return len(v.items) > 0
	case *Dict:
		return len(v.keys) > 0
	case *view:
		return len(v.dict.keys) > 0
	case *numbers:
		return v.n > 0
	case *undefined:
		return false
	case *loop:
		return v.length() > 0
	}
	return true
}

// length is Python's len(); ok is false where that is an error.
func length(v Value) (n int, ok bool) {
	switch v := v.(type) {
	case string:
		return runeCount(v), true
	case markup:
		return runeCount(string(v)), true
	case *List:
		return len(v.items), true
	case *tuple:
		return len(v.items), true
	case *Dict:
		return len(v.keys), true
	case *view:
		return len(v.dict.keys), true
	case *numbers:
		return int(v.n), true
	case *undefined:
		return 0, true
	case *loop:
		return v.length(), true
	}
	return 0, false
}

// asText returns a text, marked safe or not.
func asText(v Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case markup:
		return string(v), true
	}
	return "", false
}

func (n *numbers) at(i int64) int64 { return n.start + i*n.step }

// sequence gives the items of what can be indexed, other than texts.
func (m *meter) sequence(v Value) ([]Value, bool) {
	switch v := v.(type) {
	case *List:
		return v.items, true
	case *tuple:
		return v.items, true
	case *numbers:
		m.alloc(16 * v.n)
		items := make([]Value, v.n)
		for i := range items {
			items[i] = v.at(int64(i))
		}
		return items, true
	}
	return nil, false
}

// iterate returns an iterator over a value; ok is false where Python cannot.
func (m *meter) iterate(v Value) (next func() (Value, bool), ok bool) {
	over := func(n int, at func(i int) Value) (func() (Value, bool), bool) {
		i := 0
		return func() (Value, bool) {
			if i >= n {
				return nil, false
			}
			m.step(1)
			i++
			return at(i - 1), true
		}, true
	}
	switch v := v.(type) {
	case *List:
		return over(len(v.items), func(i int) Value { return v.items[i] })
	case *tuple:
		return over(len(v.items), func(i int) Value { return v.items[i] })
	case *Dict:
		return over(len(v.keys), func(i int) Value { return v.keys[i] })
	case *numbers:
		return over(int(v.n), func(i int) Value { return v.at(int64(i)) })
	case *view:
		return over(len(v.dict.keys), func(i int) Value { return m.viewItem(v, i) })
	case string, markup:
		s, _ := asText(v)
		_, safe := v.(markup)
		return func() (Value, bool) {
			if s == "" {
				return nil, false
			}
			m.alloc(16)
			n := runeLength(s)
			c := s[:n]
			s = s[n:]
			if safe {
				return markup(c), true
			}
			return c, true
		}, true
	case *iterator:
		return func() (Value, bool) {
			m.step(1)
			m.enter()
			defer m.leave()
			return v.next()
		}, true
	case *undefined:
		return over(0, nil)
	case *loop:
		return func() (Value, bool) {
			if !v.advance() {
				return nil, false
			}
			return m.newTuple(v.current, v), true
		}, true
	}
	return nil, false
}

func (m *meter) viewItem(v *view, i int) Value {
	switch v.kind {
	case "keys":
		return v.dict.keys[i]
	case "values":
		return v.dict.values[i]
	}
	return m.newTuple(v.dict.keys[i], v.dict.values[i])
}

// all returns the items of anything that can be iterated.
func (m *meter) all(v Value) []Value {
	next, ok := m.iterate(v)
	if !ok {
		m.raise("'%s' object is not iterable", typeName(v))
	}
	var items []Value
	for {
		x, ok := next()
		if !ok {
			return items
		}
		m.alloc(16)
		items = append(items, x)
	}
}

// sortStable sorts by less; the number of comparisons is charged by less itself.
func sortStable(items []Value, less func(i, j int) bool) { sort.SliceStable(items, less) }

// Items returns the items, which the caller does not change.
func (l *List) Items() []Value { return l.items }

// Each calls do for every key that is a text, in their order.
func (d *Dict) Each(do func(key string, value Value)) {
	for i, key := range d.keys {
		if s, ok := key.(string); ok {
			do(s, d.values[i])
		}
	}
}
