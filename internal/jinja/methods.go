package jinja

import (
	"math"
	"math/big"
	"slices"
	"strings"
)

// methodFunction is a method of one of Python's types.
type methodFunction func(r *renderer, v Value, a *callArguments) Value

// methods are those of each type. A name without a function is one that Python has and templates do not get here.
var methods map[string]map[string]methodFunction

// mutators change their value: the sandbox does not give them.
var mutators = map[string][]string{
	"list": {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"},
	"dict": {"clear", "pop", "popitem", "setdefault", "update"},
}

// method returns a method bound to its value.
func (r *renderer) method(v Value, name string) (Value, bool) {
	kind := typeName(v)
	if kind == "Markup" {
		kind = "str"
	}
	if slices.Contains(mutators[kind], name) {
		return r.unsafe(v, name), true
	}
	if f, ok := v.(float64); ok {
		switch name {
		case "real":
			return f, true
		case "imag":
			return 0.0, true
		}
	}
	if i, ok := asBig(v); ok {
		switch name {
		case "real", "numerator":
			return fromBig(i), true
		case "imag":
			return int64(0), true
		case "denominator":
			return int64(1), true
		}
	}
	m, ok := methods[kind][name]
	if !ok {
		return nil, false
	}
	r.alloc(64)
	if m == nil {
		return &function{name, refuse("the method " + kind + "." + name)}, true
	}
	return &function{name, func(r *renderer, a *callArguments) Value { return m(r, v, a) }}, true
}

func init() { // some lead back here
	methods = map[string]map[string]methodFunction{
		"str":   textMethods,
		"list":  {"index": sequenceIndex, "count": sequenceCount, "copy": listCopy},
		"tuple": {"index": sequenceIndex, "count": sequenceCount},
		"range": {"index": sequenceIndex, "count": sequenceCount},
		"dict":  {"get": dictGet, "items": dictView("items"), "keys": dictView("keys"), "values": dictView("values"), "copy": dictCopy, "fromkeys": nil},
		"int":   {"bit_length": intBitLength, "bit_count": nil, "conjugate": nil, "as_integer_ratio": nil, "to_bytes": nil, "from_bytes": nil},
		"bool":  {"bit_length": intBitLength, "bit_count": nil, "conjugate": nil, "as_integer_ratio": nil, "to_bytes": nil, "from_bytes": nil},
		"float": {"is_integer": floatIsInteger, "conjugate": nil, "as_integer_ratio": nil, "hex": nil, "fromhex": nil},

		"dict_keys": {"isdisjoint": nil, "mapping": nil}, "dict_items": {"isdisjoint": nil, "mapping": nil}, "dict_values": {"mapping": nil},
	}
}

func dictView(kind string) methodFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		a.bind(r, kind)
		r.alloc(32)
		return &view{v.(*Dict), kind}
	}
}

func dictGet(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "get", "/key", "/default?")
	x, ok, hashable := r.dictItem(v.(*Dict), p[0])
	if !hashable {
		r.raise("unhashable type: '%s'", typeName(p[0]))
	}
	if !ok {
		return or(p[1], nil)
	}
	return x
}

func dictCopy(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "copy")
	d := NewDict()
	r.alloc(64)
	r.fill(d, v)
	return d
}

func listCopy(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "copy")
	return r.newList(slices.Clone(v.(*List).items))
}

func sequenceIndex(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "index", "/value", "/start?", "/stop?")
	items, _ := r.sequence(v)
	at := r.sliced(len(items), [3]Value{or(p[1], nil), or(p[2], nil), nil})
	for i := at.start; i < at.stop; i++ {
		if r.equal(items[i], p[0]) {
			return i
		}
	}
	r.raise("the value is not in the %s", typeName(v))
	return nil
}

func sequenceCount(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "count", "/value")
	items, _ := r.sequence(v)
	n := int64(0)
	for _, x := range items {
		if r.equal(x, p[0]) {
			n++
		}
	}
	return n
}

func intBitLength(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "bit_length")
	i, _ := asBig(v)
	return int64(new(big.Int).Abs(i).BitLen())
}

func floatIsInteger(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "is_integer")
	f := v.(float64)
	return f == math.Trunc(f) && !math.IsInf(f, 0)
}

// texts returns list items for pieces of a text, marked as it is.
func (r *renderer) texts(of Value, pieces []string) *List {
	items := make([]Value, len(pieces))
	r.alloc(int64(16 * len(pieces)))
	for i, p := range pieces {
		items[i] = like(of, p)
	}
	return r.newList(items)
}

// affix returns the texts that startswith and endswith look for: one, or a tuple of them.
func (r *renderer) affixes(v Value) []string {
	if t, ok := v.(*tuple); ok {
		all := make([]string, len(t.items))
		for i, x := range t.items {
			all[i] = r.needText(x)
		}
		return all
	}
	return []string{r.needText(v)}
}

// part returns the part of a text that optional bounds name, and whether there is one.
func (r *renderer) part(s string, start, stop Value) (part string, from int, ok bool) {
	r.scan(len(s))
	start, stop = or(start, nil), or(stop, nil)
	n := runeCount(s)
	if start != nil && r.sliceIndex(start) > int64(n) {
		return "", 0, false
	}
	at := r.sliced(n, [3]Value{start, stop, nil})
	if at.start > at.stop {
		return "", 0, false
	}
	return cut(s, int(at.start), int(at.stop)), int(at.start), true
}

// split is Python's str.split, from the right where wanted.
func split(right bool) methodFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		p := a.bind(r, "split", "sep?", "maxsplit?")
		s, _ := asText(v)
		n := r.index(or(p[1], int64(-1)))
		if n < 0 {
			n = math.MaxInt32
		}
		r.scan(len(s))
		separator := or(p[0], nil)
		if separator == nil {
			return r.texts(v, r.splitSpace(s, n, right))
		}
		sep := r.needText(separator)
		if sep == "" {
			r.raise("empty separator")
		}
		r.allocTimes(min(n, int64(strings.Count(s, sep)))+1, 32)
		var pieces []string
		for ; n > 0; n-- {
			i := strings.Index(s, sep)
			if right {
				i = strings.LastIndex(s, sep)
			}
			if i < 0 {
				break
			}
			if right {
				pieces = append(pieces, s[i+len(sep):])
				s = s[:i]
			} else {
				pieces = append(pieces, s[:i])
				s = s[i+len(sep):]
			}
		}
		pieces = append(pieces, s)
		if right {
			slices.Reverse(pieces)
		}
		return r.texts(v, pieces)
	}
}

func (r *renderer) splitSpace(s string, n int64, right bool) []string {
	var pieces []string
	trim, index := strings.TrimLeftFunc, strings.IndexFunc
	if right {
		trim, index = strings.TrimRightFunc, strings.LastIndexFunc
	}
	for s = trim(s, isSpace); s != ""; s = trim(s, isSpace) {
		r.alloc(32)
		i := index(s, isSpace)
		if i < 0 || n == 0 {
			pieces = append(pieces, s)
			break
		}
		n--
		if right {
			i += runeLength(s[i:])
			pieces = append(pieces, s[i:])
			s = s[:i]
		} else {
			pieces = append(pieces, s[:i])
			s = s[i:]
		}
	}
	if right {
		slices.Reverse(pieces)
	}
	return pieces
}
