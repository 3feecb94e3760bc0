package jinja

import "strings"

func filterLength(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "length")
	if s, ok := asText(v); ok {
		r.scan(len(s))
	}
	n, ok := length(v)
	if !ok {
		r.raise("object of type '%s' has no len()", typeName(v))
	}
	return int64(n)
}

func filterList(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "list")
	return r.newList(r.all(v))
}

func filterFirst(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "first")
	next, ok := r.iterate(v)
	if !ok {
		r.raise("'%s' object is not iterable", typeName(v))
	}
	if x, ok := next(); ok {
		return x
	}
	return r.undefined("No first item, sequence was empty.")
}

func filterLast(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "last")
	items := r.reversible(v)
	if len(items) == 0 {
		return r.undefined("No last item, sequence was empty.")
	}
	return items[len(items)-1]
}

// reversible returns the items of what Python's reversed() takes.
func (r *renderer) reversible(v Value) []Value {
	switch v := v.(type) {
	case *List:
		return v.items
	case *tuple:
		return v.items
	case *iterator, *undefined, *loop:
		r.raise("'%s' object is not reversible", typeName(v))
	}
	return r.all(v)
}

func filterReverse(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "reverse")
	if s, ok := asText(v); ok {
		r.alloc(int64(5 * len(s)))
		runes := []rune(s)
		for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
			runes[i], runes[j] = runes[j], runes[i]
		}
		return like(v, string(runes))
	}
	items := r.all(v)
	reversed := make([]Value, len(items))
	r.alloc(int64(16 * len(items)))
	for i, x := range items {
		reversed[len(items)-1-i] = x
	}
	switch v.(type) {
	case *iterator:
		return r.newList(reversed)
	case *undefined:
		r.raise("argument must be iterable")
	}
	return r.generator("list_reverseiterator", reversed)
}

// generator returns an iterator over items.
func (r *renderer) generator(kind string, items []Value) *iterator {
	r.alloc(64)
	return &iterator{kind, func() (Value, bool) {
		if len(items) == 0 {
			return nil, false
		}
		x := items[0]
		items = items[1:]
		return x, true
	}}
}

// getter returns what looks up an attribute such as "a.b.0" or 3, as filters take it; several with commas if wanted.
func (r *renderer) getter(attribute Value) func(Value) Value {
	parts := r.attributeParts(attribute)
	return func(v Value) Value {
		for _, p := range parts {
			v = r.getItem(v, p)
		}
		return v
	}
}

func (r *renderer) attributeParts(attribute Value) []Value {
	if attribute == nil {
		return nil
	}
	s, ok := asText(attribute)
	if !ok {
		return []Value{attribute}
	}
	r.alloc(int64(32 * (1 + strings.Count(s, "."))))
	var parts []Value
	for _, p := range strings.Split(s, ".") {
		if i, ok := parseInteger(p, 10); ok && isASCII(p) && strings.Trim(p, "0123456789") == "" {
			parts = append(parts, fromBig(i))
		} else {
			parts = append(parts, p)
		}
	}
	return parts
}

func filterJoin(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "join", "d?", "attribute?")
	get := r.getter(or(p[1], nil))
	d := r.str(or(p[0], ""))
	next, ok := r.iterate(v)
	if !ok {
		r.raise("'%s' object is not iterable", typeName(v))
	}
	var b strings.Builder
	for first := true; ; first = false {
		x, ok := next()
		if !ok {
			return b.String()
		}
		s := r.str(get(x))
		r.alloc(int64(len(s) + len(d)))
		if !first {
			b.WriteString(d)
		}
		b.WriteString(s)
	}
}

func filterItems(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "items")
	if _, ok := v.(*undefined); ok {
		return r.generator("generator", nil)
	}
	d, ok := v.(*Dict)
	if !ok {
		return &iterator{"generator", func() (Value, bool) {
			r.raise("can only get item pairs from a mapping")
			return nil, false
		}}
	}
	next, _ := r.iterate(&view{d, "items"})
	return &iterator{"generator", next}
}

func filterBatch(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "batch", "linecount", "fill_with?")
	n := r.index(p[0])
	fill := or(p[1], nil)
	var lists, row []Value
	for _, x := range r.all(v) {
		if int64(len(row)) == n {
			lists = append(lists, r.newList(row))
			row = nil
		}
		row = append(row, x)
	}
	if len(row) > 0 {
		if fill != nil && int64(len(row)) < n {
			r.allocTimes(n, 16)
			for int64(len(row)) < n {
				row = append(row, fill)
			}
		}
		lists = append(lists, r.newList(row))
	}
	return r.generator("generator", lists)
}

func filterSlice(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "slice", "slices", "fill_with?")
	items, n := r.all(v), r.index(p[0])
	fill := or(p[1], nil)
	if n == 0 {
		r.raise("integer division or modulo by zero")
	}
	var lists []Value
	r.allocTimes(n, 64)
	each, extra, from := int64(len(items))/max(n, 1), int64(len(items))%max(n, 1), int64(0)
	for i := int64(0); i < n; i++ {
		to := from + each
		if i < extra {
			to++
		}
		part := append([]Value(nil), items[from:to]...)
		if fill != nil && i >= extra {
			part = append(part, fill)
		}
		lists = append(lists, r.newList(part))
		from = to
	}
	return r.generator("generator", lists)
}

func filterMap(r *renderer, v Value, a *callArguments) Value {
	r.alloc(96)
	var next func() (Value, bool)
	var apply func(Value) Value
	prepare := func() {
		if attribute := a.take("attribute"); len(a.positional) == 0 && attribute != missing {
			otherwise := or(a.take("default"), nil)
			a.bind(r, "map")
			parts := r.attributeParts(attribute)
			apply = func(x Value) Value {
				for _, p := range parts {
					x = r.getItem(x, p)
					if _, ok := x.(*undefined); ok && otherwise != nil {
						x = otherwise
					}
				}
				return x
			}
		} else if len(a.positional) == 0 {
			r.raise("map requires a filter argument")
		} else {
			name := r.needText(a.positional[0])
			rest := &callArguments{a.positional[1:], a.names, a.named}
			apply = func(x Value) Value {
				c := *rest
				return r.applyFilter(name, x, &c)
			}
		}
		next = r.over(v)
	}
	return &iterator{"generator", func() (Value, bool) {
		if next == nil {
			if !truth(v) {
				return nil, false
			}
			prepare()
		}
		x, ok := next()
		if !ok {
			return nil, false
		}
		return apply(x), true
	}}
}

// over is iterate for what must be iterable.
func (r *renderer) over(v Value) func() (Value, bool) {
	next, ok := r.iterate(v)
	if !ok {
		r.raise("'%s' object is not iterable", typeName(v))
	}
	return next
}

// selecting makes the filters that keep what passes a test, or what does not; of the value itself or an attribute.
func selecting(keep, attribute bool) filterFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		r.alloc(96)
		var next func() (Value, bool)
		var passes func(Value) bool
		prepare := func() {
			args := a.positional
			get := func(x Value) Value { return x }
			if attribute {
				if len(args) == 0 {
					r.raise("missing parameter for attribute name")
				}
				get = r.getter(args[0])
				args = args[1:]
			}
			if len(args) == 0 {
				passes = func(x Value) bool { return truth(get(x)) }
			} else {
				name := r.needText(args[0])
				rest := &callArguments{args[1:], a.names, a.named}
				passes = func(x Value) bool { return r.applyTest(name, get(x), rest) }
			}
			next = r.over(v)
		}
		return &iterator{"generator", func() (Value, bool) {
			if next == nil {
				if !truth(v) {
					return nil, false
				}
				prepare()
			}
			for {
				x, ok := next()
				if !ok {
					return nil, false
				}
				if passes(x) == keep {
					return x, true
				}
			}
		}}
	}
}
