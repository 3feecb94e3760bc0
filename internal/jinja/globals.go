package jinja

import "strings"

// maxRange is the longest range that Jinja2's sandbox allows.
const maxRange = 100000

// globals are the names that every template has.
var globals map[string]Value

func init() { // the functions lead back here
	globals = map[string]Value{
		"range":           &function{"range", newRange},
		"dict":            &function{"dict", newDict},
		"namespace":       &function{"namespace", newNamespace},
		"cycler":          &function{"cycler", newCycler},
		"joiner":          &function{"joiner", newJoiner},
		"raise_exception": &function{"raise_exception", raiseException},
		"strftime_now":    &function{"strftime_now", strftimeNow},
		"lipsum":          &function{"lipsum", refuse("lipsum, whose text is random")},
	}
}

// refuse returns a function that says it is not supported.
func refuse(what string) func(*renderer, *callArguments) Value {
	return func(r *renderer, _ *callArguments) Value {
		r.fail(ErrUnsupported, "%s", what)
		return nil
	}
}

func raiseException(r *renderer, a *callArguments) Value {
	fail(ErrRefused, 0, "%s", r.str(a.bind(r, "raise_exception", "message")[0]))
	return nil
}

func strftimeNow(r *renderer, a *callArguments) Value {
	format := r.needText(a.bind(r, "strftime_now", "format")[0])
	return r.strftime(format)
}

func newRange(r *renderer, a *callArguments) Value {
	a.noNamed(r, "range")
	v := a.bind(r, "range", "/start", "/stop?", "/step?")
	n := &numbers{start: r.rangeBound(v[0]), step: 1}
	if v[1] == missing {
		n.start, n.stop = 0, n.start
	} else {
		n.stop = r.rangeBound(v[1])
	}
	if v[2] != missing {
		if n.step = r.rangeBound(v[2]); n.step == 0 {
			r.raise("range() arg 3 must not be zero")
		}
	}
	if n.n = count(n.start, n.stop, n.step); n.n > maxRange {
		r.raise("range too big: the sandbox blocks ranges larger than %d", maxRange)
	}
	r.alloc(48)
	return n
}

func (r *renderer) rangeBound(v Value) int64 {
	r.defined(v)
	return min(max(r.index(v), -1<<60), 1<<60)
}

// needText returns a text argument.
func (r *renderer) needText(v Value) string {
	s, ok := asText(v)
	if !ok {
		r.defined(v)
		r.raise("a str is needed, not '%s'", typeName(v))
	}
	return s
}

func newDict(r *renderer, a *callArguments) Value {
	d := NewDict()
	r.alloc(64)
	if len(a.positional) > 1 {
		r.raise("dict expected at most 1 argument, got %d", len(a.positional))
	}
	if len(a.positional) == 1 {
		r.fill(d, a.positional[0])
	}
	for i, name := range a.names {
		r.setItem(d, name, a.named[i])
	}
	return d
}

// fill puts the items of a dict, or pairs, into another.
func (r *renderer) fill(d *Dict, from Value) {
	if f, ok := from.(*Dict); ok {
		for i, key := range f.keys {
			r.setItem(d, key, f.values[i])
		}
		return
	}
	for _, pair := range r.all(from) {
		p := r.all(pair)
		if len(p) != 2 {
			r.raise("dictionary update sequence element has length %d; 2 is required", len(p))
		}
		r.setItem(d, p[0], p[1])
	}
}

func dictFromKeys(r *renderer, a *callArguments) Value {
	v := a.bind(r, "fromkeys", "/iterable", "/value?")
	d := NewDict()
	for _, key := range r.all(v[0]) {
		r.setItem(d, key, or(v[1], nil))
	}
	return d
}

func newNamespace(r *renderer, a *callArguments) Value {
	d := newDict(r, a).(*Dict)
	for _, key := range d.keys {
		if name, ok := asText(key); ok {
			r.namespaceName(name)
		}
	}
	return &namespace{d}
}

func newCycler(r *renderer, a *callArguments) Value {
	a.noNamed(r, "cycler")
	if len(a.positional) == 0 {
		r.raise("at least one item has to be provided")
	}
	return &cycler{items: a.positional}
}

func (c *cycler) attribute(name string) (Value, bool) {
	switch name {
	case "items":
		return &tuple{items: c.items}, true
	case "pos":
		return int64(c.at), true
	case "current":
		return c.items[c.at], true
	case "next":
		return &function{name, func(r *renderer, a *callArguments) Value {
			a.bind(r, name)
			v := c.items[c.at]
			c.at = (c.at + 1) % len(c.items)
			return v
		}}, true
	case "reset":
		return &function{name, func(r *renderer, a *callArguments) Value {
			a.bind(r, name)
			c.at = 0
			return nil
		}}, true
	}
	return nil, false
}

func newJoiner(r *renderer, a *callArguments) Value {
	return &joiner{separator: or(a.bind(r, "joiner", "sep?")[0], ", ")}
}

// words splits a text at white space, as Python's split() does.
func words(s string) []string { return strings.FieldsFunc(s, isSpace) }
