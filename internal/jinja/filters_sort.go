package jinja

import "strings"

// folded returns the key that sorting without regard to case uses.
func (r *renderer) folded(v Value, caseSensitive bool) Value {
	if s, ok := asText(v); ok && !caseSensitive {
		r.alloc(int64(2 * len(s)))
		return lower(s)
	}
	return v
}

// sorted sorts values by their keys.
func (r *renderer) sorted(items, keys []Value, reverse bool) []Value {
	at := make([]Value, len(items))
	r.alloc(int64(48 * len(items)))
	for i := range at {
		at[i] = int64(i)
	}
	sortStable(at, func(i, j int) bool {
		x, y := keys[at[i].(int64)], keys[at[j].(int64)]
		if reverse {
			return r.ordered("<", y, x)
		}
		return r.ordered("<", x, y)
	})
	out := make([]Value, len(items))
	for i := range at {
		out[i] = items[at[i].(int64)]
	}
	return out
}

func filterSort(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "sort", "reverse?", "case_sensitive?", "attribute?")
	sensitive := truth(or(p[1], false))
	var getters []func(Value) Value
	if s, ok := asText(or(p[2], nil)); ok {
		for _, part := range strings.Split(s, ",") {
			r.alloc(64)
			getters = append(getters, r.getter(part))
		}
	} else {
		getters = append(getters, r.getter(or(p[2], nil)))
	}
	items := r.all(v)
	keys := make([]Value, len(items))
	for i, x := range items {
		parts := make([]Value, len(getters))
		for j, get := range getters {
			parts[j] = r.folded(get(x), sensitive)
		}
		keys[i] = r.newList(parts)
	}
	return r.newList(r.sorted(items, keys, truth(or(p[0], false))))
}

func filterDictsort(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "dictsort", "case_sensitive?", "by?", "reverse?")
	d, ok := v.(*Dict)
	if !ok {
		r.raise("'%s' object has no items", typeName(v))
	}
	by := r.str(or(p[1], "key"))
	if by != "key" && by != "value" {
		r.raise(`you can only sort by either "key" or "value"`)
	}
	items, keys := make([]Value, len(d.keys)), make([]Value, len(d.keys))
	r.alloc(int64(32 * len(items)))
	for i := range items {
		items[i] = r.newTuple(d.keys[i], d.values[i])
		keys[i] = d.keys[i]
		if by == "value" {
			keys[i] = d.values[i]
		}
		keys[i] = r.folded(keys[i], truth(or(p[0], false)))
	}
	return r.newList(r.sorted(items, keys, truth(or(p[2], false))))
}

func filterGroupby(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "groupby", "attribute", "default?", "case_sensitive?")
	sensitive := truth(or(p[2], false))
	parts := r.attributeParts(p[0])
	get := func(v Value) Value {
		for _, part := range parts {
			v = r.getItem(v, part)
			if _, ok := v.(*undefined); ok && or(p[1], nil) != nil {
				v = p[1]
			}
		}
		return v
	}
	items := r.all(v)
	keys := make([]Value, len(items))
	r.alloc(int64(16 * len(items)))
	for i, x := range items {
		keys[i] = r.folded(get(x), sensitive)
	}
	items = r.sorted(items, keys, false)
	var groups []Value
	for i := 0; i < len(items); {
		key := r.folded(get(items[i]), sensitive)
		j := i + 1
		for j < len(items) && r.equal(key, r.folded(get(items[j]), sensitive)) {
			j++
		}
		g := r.newTuple(get(items[i]), r.newList(items[i:j:j]))
		g.grouped = true
		groups = append(groups, g)
		i = j
	}
	return r.newList(groups)
}

func filterUnique(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "unique", "case_sensitive?", "attribute?")
	get := r.getter(or(p[1], nil))
	next, ok := r.iterate(v)
	seen := NewDict()
	r.alloc(64)
	return &iterator{"generator", func() (Value, bool) {
		if !ok {
			r.raise("'%s' object is not iterable", typeName(v))
		}
		for {
			x, ok := next()
			if !ok {
				return nil, false
			}
			key := r.folded(get(x), truth(or(p[0], false)))
			n := len(seen.keys)
			if r.setItem(seen, key, nil); len(seen.keys) > n {
				return x, true
			}
		}
	}}
}

func extreme(op tokenKind) filterFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		p := a.bind(r, "min or max", "case_sensitive?", "attribute?")
		get := r.getter(or(p[1], nil))
		items := r.all(v)
		if len(items) == 0 {
			return r.undefined("No aggregated item, sequence was empty.")
		}
		best, key := items[0], r.folded(get(items[0]), truth(or(p[0], false)))
		for _, x := range items[1:] {
			if k := r.folded(get(x), truth(or(p[0], false))); r.ordered(op, k, key) {
				best, key = x, k
			}
		}
		return best
	}
}

func filterSum(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "sum", "attribute?", "start?")
	get := r.getter(or(p[0], nil))
	total := or(p[1], int64(0))
	if _, ok := asText(total); ok {
		r.raise("sum() can't sum strings [use ''.join(seq) instead]")
	}
	for _, x := range r.all(v) {
		total = r.operate("+", total, get(x))
	}
	return total
}
