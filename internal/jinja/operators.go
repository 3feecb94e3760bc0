package jinja

import (
	"math/big"
	"strings"
)

// operate applies a binary operator.
func (r *renderer) operate(op tokenKind, x, y Value) Value {
	r.defined(x)
	r.defined(y)
	if isNumber(x) && isNumber(y) {
		return r.arithmetic(op, x, y)
	}
	if s, ok := asText(x); ok && op == "%" {
		_, safe := x.(markup)
		return r.safe(r.percent(s, y, safe), safe)
	}
	switch op {
	case "+":
		if v, ok := r.add(x, y); ok {
			return v
		}
	case "*":
		if v, ok := r.repeat(x, y); ok {
			return v
		}
		if v, ok := r.repeat(y, x); ok {
			return v
		}
	case "-":
		if v, ok := r.difference(x, y); ok {
			return v
		}
	}
	r.raise("unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(x), typeName(y))
	return nil
}

// difference is of the keys of dicts, which are sets: refused, for a set's order is not fixed.
func (m *meter) difference(x, y Value) (Value, bool) {
	if v, ok := x.(*view); ok && v.kind != "values" {
		m.fail(ErrUnsupported, "sets")
	}
	return nil, false
}

// defined fails where an undefined value is used.
func (m *meter) defined(v Value) {
	if u, ok := v.(*undefined); ok {
		m.raise("%s", u.why)
	}
}

// safe marks a text.
func (m *meter) safe(s string, safe bool) Value {
	if safe {
		return markup(s)
	}
	return s
}

func (m *meter) add(x, y Value) (Value, bool) {
	s, xText := asText(x)
	t, yText := asText(y)
	if xText && yText {
		_, xSafe := x.(markup)
		_, ySafe := y.(markup)
		if ySafe && !xSafe {
			s = m.escape(s)
		}
		if xSafe && !ySafe {
			t = m.escape(t)
		}
		m.alloc(int64(len(s)+len(t)) + 16)
		return m.safe(s+t, xSafe || ySafe), true
	}
	if a, ok := x.(*List); ok {
		if b, ok := y.(*List); ok {
			m.alloc(int64(16 * (len(a.items) + len(b.items))))
			return m.newList(append(append(make([]Value, 0, len(a.items)+len(b.items)), a.items...), b.items...)), true
		}
	}
	if a, ok := x.(*tuple); ok {
		if b, ok := y.(*tuple); ok {
			m.alloc(int64(16 * (len(a.items) + len(b.items))))
			return m.newTuple(append(append(make([]Value, 0, len(a.items)+len(b.items)), a.items...), b.items...)...), true
		}
	}
	return nil, false
}

func (m *meter) repeat(x, y Value) (Value, bool) {
	switch y.(type) {
	case int64, bool, *big.Int:
	default:
		return nil, false
	}
	n := max(0, m.index(y))
	if s, ok := asText(x); ok {
		if s == "" {
			n = 0
		}
		m.allocTimes(n, int64(len(s)))
		_, safe := x.(markup)
		return m.safe(strings.Repeat(s, int(n)), safe), true
	}
	var items []Value
	switch x := x.(type) {
	case *List:
		items = x.items
	case *tuple:
		items = x.items
	default:
		return nil, false
	}
	if len(items) == 0 {
		n = 0
	}
	m.allocTimes(n, int64(16*len(items)))
	all := make([]Value, 0, int(n)*len(items))
	for range n {
		all = append(all, items...)
	}
	if _, ok := x.(*List); ok {
		return m.newList(all), true
	}
	return m.newTuple(all...), true
}

// sign applies + or - before a value.
func (m *meter) sign(op tokenKind, x Value) Value {
	m.defined(x)
	if f, ok := x.(float64); ok {
		if op == "-" {
			return -f
		}
		return f
	}
	i, ok := asBig(x)
	if !ok {
		m.raise("bad operand type for unary %s: '%s'", op, typeName(x))
	}
	if op == "-" {
		i = new(big.Int).Neg(i)
	}
	return fromBig(i)
}

// equal is Python's ==.
func (m *meter) equal(x, y Value) bool {
	m.step(1)
	if isNumber(x) || isNumber(y) {
		return isNumber(x) && isNumber(y) && m.compareNumbers(x, y) == 0
	}
	if s, ok := asText(x); ok {
		t, ok := asText(y)
		if ok && len(s) == len(t) {
			m.scan(len(s))
		}
		return ok && s == t
	}
	m.enter()
	defer m.leave()
	switch x := x.(type) {
	case nil:
		return y == nil
	case *undefined:
		_, ok := y.(*undefined)
		return ok
	case *List:
		y, ok := y.(*List)
		return ok && m.equalItems(x.items, y.items)
	case *tuple:
		y, ok := y.(*tuple)
		return ok && m.equalItems(x.items, y.items)
	case *Dict:
		y, ok := y.(*Dict)
		if !ok || len(x.keys) != len(y.keys) {
			return false
		}
		for i, key := range x.keys {
			m.step(1)
			v, ok, _ := m.dictItem(y, key)
			if !ok || !m.equal(x.values[i], v) {
				return false
			}
		}
		return true
	case *numbers:
		y, ok := y.(*numbers)
		return ok && x.n == y.n && (x.n == 0 || x.start == y.start && (x.n == 1 || x.step == y.step))
	case *view:
		y, ok := y.(*view)
		if !ok || x.kind != y.kind || x.kind == "values" || len(x.dict.keys) != len(y.dict.keys) {
			return ok && x == y
		}
		for i := range x.dict.keys {
			if !m.contains(y, m.viewItem(x, i)) {
				return false
			}
		}
		return true
	}
	return x == y
}

func (m *meter) equalItems(x, y []Value) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if !m.equal(x[i], y[i]) {
			return false
		}
	}
	return true
}

// compareNumbers returns the sign of x - y, or 2 where one is not a number.
func (m *meter) compareNumbers(x, y Value) int {
	if a, ok := asInt(x); ok {
		if b, ok := asInt(y); ok {
			return order(a, b)
		}
	}
	a, xWhole := asBig(x)
	b, yWhole := asBig(y)
	if xWhole && yWhole {
		return a.Cmp(b)
	}
	exact := func(v Value, whole *big.Int) *big.Float {
		if whole != nil {
			return new(big.Float).SetPrec(uint(max(64, whole.BitLen()))).SetInt(whole)
		}
		return new(big.Float).SetFloat64(v.(float64))
	}
	f, xFloat := x.(float64)
	g, yFloat := y.(float64)
	if f != f || g != g {
		return 2
	}
	if xFloat && yFloat {
		return order(f, g)
	}
	return exact(x, a).Cmp(exact(y, b))
}

func order[T int | int64 | float64 | string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// ordered is Python's <, <=, > and >=.
func (m *meter) ordered(op tokenKind, x, y Value) bool {
	c, ok := m.order(x, y)
	if !ok {
		m.defined(x)
		m.defined(y)
		m.raise("'%s' not supported between instances of '%s' and '%s'", op, typeName(x), typeName(y))
	}
	switch op {
	case "<":
		return c == -1
	case "<=":
		return c == -1 || c == 0
	case ">":
		return c == 1
	}
	return c == 1 || c == 0
}

// order compares values that have an order; 2 is neither less nor equal nor more.
func (m *meter) order(x, y Value) (int, bool) {
	m.step(1)
	if isNumber(x) && isNumber(y) {
		return m.compareNumbers(x, y), true
	}
	if s, ok := asText(x); ok {
		t, ok := asText(y)
		m.scan(min(len(s), len(t)))
		return order(s, t), ok // UTF-8 has the order of code points
	}
	items := func(x, y []Value) (int, bool) {
		m.enter()
		defer m.leave()
		for i := range min(len(x), len(y)) {
			if !m.equal(x[i], y[i]) {
				return m.order(x[i], y[i])
			}
		}
		return order(len(x), len(y)), true
	}
	switch x := x.(type) {
	case *List:
		if y, ok := y.(*List); ok {
			return items(x.items, y.items)
		}
	case *tuple:
		if y, ok := y.(*tuple); ok {
			return items(x.items, y.items)
		}
	}
	return 0, false
}

// contains is Python's "x in container".
func (m *meter) contains(container, x Value) bool {
	if s, ok := asText(container); ok {
		t, ok := asText(x)
		if !ok {
			m.raise("'in <string>' requires string as left operand, not %s", typeName(x))
		}
		m.scan(len(s))
		return strings.Contains(s, t)
	}
	switch c := container.(type) {
	case *Dict:
		_, ok, hashable := m.dictItem(c, x)
		if !hashable {
			m.raise("unhashable type: '%s'", typeName(x))
		}
		return ok
	case *view:
		if c.kind == "keys" {
			return m.contains(c.dict, x)
		}
	}
	next, ok := m.iterate(container)
	if !ok {
		m.raise("argument of type '%s' is not iterable", typeName(container))
	}
	for {
		v, ok := next()
		if !ok {
			return false
		}
		if v == x && !isNaN(v) || m.equal(v, x) {
			return true
		}
	}
}

func isNaN(v Value) bool { f, ok := v.(float64); return ok && f != f }
