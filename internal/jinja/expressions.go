package jinja

import (
	"math/big"
	"strings"
)

// eval returns the value of an expression.
func (r *renderer) eval(x expression, a *activation) Value {
	r.step(1)
	switch x := x.(type) {
	case *constant:
		return x.value
	case *name:
		v := *a.place(x.variable)
		if v == missing {
			return r.undefined("'%s' is undefined", x.name)
		}
		return v
	case *attribute:
		v := r.eval(x.x, a)
		r.line = x.line
		return r.getAttribute(v, x.name)
	case *item:
		v, i := r.eval(x.x, a), r.eval(x.index, a)
		r.line = x.line
		return r.getItem(v, i)
	case *slice:
		return r.slice(x, a)
	case *call:
		return r.call(x, a, nil)
	case *filter:
		return r.filter(x, r.eval(x.x, a), a)
	case *test:
		return r.test(x, a)
	case *binary:
		return r.binary(x, a)
	case *unary:
		v := r.eval(x.x, a)
		if x.op == "not" {
			return !truth(v)
		}
		r.line = x.line
		return r.sign(x.op, v)
	case *compare:
		return r.compare(x, a)
	case *conditional:
		if truth(r.eval(x.test, a)) {
			return r.eval(x.yes, a)
		}
		if x.no == nil {
			return r.undefined("the inline if-expression on line %d evaluated to false and no else section was defined", x.line)
		}
		return r.eval(x.no, a)
	case *concat:
		var b strings.Builder
		for _, item := range x.items {
			s := r.str(r.eval(item, a))
			r.alloc(int64(len(s)))
			b.WriteString(s)
		}
		return b.String()
	case *listOf:
		return r.newList(r.evalAll(x.items, a))
	case *tupleOf:
		return r.newTuple(r.evalAll(x.items, a)...)
	case *dictOf:
		d := NewDict()
		r.alloc(64)
		for i, key := range x.keys {
			k := r.eval(key, a)
			r.setItem(d, k, r.eval(x.values[i], a))
		}
		return d
	}
	panic("jinja: unknown node")
}

func (r *renderer) evalAll(items []expression, a *activation) []Value {
	r.alloc(int64(16 * len(items)))
	values := make([]Value, len(items))
	for i, x := range items {
		values[i] = r.eval(x, a)
	}
	return values
}

func (r *renderer) binary(x *binary, a *activation) Value {
	left := r.eval(x.x, a)
	switch x.op {
	case "and":
		if !truth(left) {
			return left
		}
		return r.eval(x.y, a)
	case "or":
		if truth(left) {
			return left
		}
		return r.eval(x.y, a)
	}
	right := r.eval(x.y, a)
	r.line = x.line
	return r.operate(x.op, left, right)
}

func (r *renderer) compare(c *compare, a *activation) Value {
	left := r.eval(c.first, a)
	for _, op := range c.ops {
		right := r.eval(op.x, a)
		r.line = c.line
		var holds bool
		switch op.op {
		case "==":
			holds = r.equal(left, right)
		case "!=":
			holds = !r.equal(left, right)
		case "in":
			holds = r.contains(right, left)
		case "not in":
			holds = !r.contains(right, left)
		default:
			holds = r.ordered(op.op, left, right)
		}
		if !holds {
			return false
		}
		left = right
	}
	return true
}

// getAttribute is x.name: an attribute of Python's type first, then an item.
func (r *renderer) getAttribute(x Value, name string) Value {
	r.defined(x)
	if v, ok := r.attributeOf(x, name); ok {
		return v
	}
	if v, ok := r.itemOf(x, name); ok {
		return v
	}
	return r.undefined("'%s object' has no attribute '%s'", typeName(x), name)
}

// getItem is x[index]: an item first, then an attribute.
func (r *renderer) getItem(x, index Value) Value {
	r.defined(x)
	if v, ok := r.itemOf(x, index); ok {
		return v
	}
	if name, ok := asText(index); ok {
		if v, ok := r.attributeOf(x, name); ok {
			return v
		}
	}
	if _, ok := index.(string); ok {
		return r.undefined("'%s object' has no attribute '%s'", typeName(x), index)
	}
	return r.undefined("%s object has no element %s", typeName(x), clip(r.reprOf(index), 60))
}

// itemOf returns an item of a list, a text, a dict.
func (r *renderer) itemOf(x, index Value) (Value, bool) {
	if d, ok := x.(*Dict); ok {
		v, ok, _ := r.dictItem(d, index)
		return v, ok
	}
	i, ok := asInt(index)
	if !ok {
		return nil, false
	}
	within := func(n int) bool {
		if i < 0 {
			i += int64(n)
		}
		return i >= 0 && i < int64(n)
	}
	switch x := x.(type) {
	case *List:
		if within(len(x.items)) {
			return x.items[i], true
		}
	case *tuple:
		if within(len(x.items)) {
			return x.items[i], true
		}
	case *numbers:
		if within(int(x.n)) {
			return x.at(i), true
		}
	case string, markup:
		s, _ := asText(x)
		r.scan(len(s))
		if within(runeCount(s)) {
			return like(x, cut(s, int(i), int(i)+1)), true
		}
	}
	return nil, false
}

func (r *renderer) slice(x *slice, a *activation) Value {
	v := r.eval(x.x, a)
	bounds := [3]Value{}
	for i, b := range []expression{x.start, x.stop, x.step} {
		if b != nil {
			bounds[i] = r.eval(b, a)
		}
	}
	r.line = x.line
	r.defined(v)
	n, ok := length(v)
	if s, isText := asText(v); isText {
		r.scan(len(s))
	}
	if _, isDict := v.(*Dict); !ok || isDict {
		r.raise("'%s' object is not subscriptable by a slice", typeName(v))
	}
	at := r.sliced(n, bounds)
	switch v := v.(type) {
	case string, markup:
		s, _ := asText(v)
		if at.step == 1 {
			return like(v, cut(s, int(at.start), int(at.start+at.n)))
		}
		r.alloc(int64(4*n) + 4*at.n)
		runes := []rune(s)
		out := make([]rune, at.n)
		for i := range out {
			out[i] = runes[at.at(int64(i))]
		}
		return like(v, string(out))
	case *numbers:
		r.alloc(48)
		return &numbers{v.at(at.start), v.at(at.start + at.n*at.step), v.step * at.step, at.n}
	case *List, *tuple:
		items, _ := r.sequence(v)
		r.allocTimes(at.n, 16)
		out := make([]Value, at.n)
		for i := range out {
			out[i] = items[at.at(int64(i))]
		}
		if _, ok := v.(*List); ok {
			return r.newList(out)
		}
		return r.newTuple(out...)
	}
	r.raise("'%s' object is not subscriptable", typeName(v))
	return nil
}

// sliced returns the places that a slice of n items takes.
func (r *renderer) sliced(n int, bounds [3]Value) *numbers {
	step := int64(1)
	if bounds[2] != nil {
		if step = r.sliceIndex(bounds[2]); step == 0 {
			r.raise("slice step cannot be zero")
		}
	}
	low, high := int64(0), int64(n)
	if step < 0 {
		low, high = -1, int64(n)-1
	}
	bound := func(v Value, without int64) int64 {
		if v == nil {
			return without
		}
		i := r.sliceIndex(v)
		if i < 0 {
			i += int64(n)
		}
		return min(max(i, low), high)
	}
	first, last := low, high
	if step < 0 {
		first, last = high, low
	}
	s := &numbers{start: bound(bounds[0], first), stop: bound(bounds[1], last), step: step}
	s.n = count(s.start, s.stop, s.step)
	return s
}

func (r *renderer) sliceIndex(v Value) int64 {
	switch v.(type) {
	case int64, bool, *big.Int:
		return max(r.index(v), -1<<40)
	}
	r.defined(v)
	r.raise("slice indices must be integers or None")
	return 0
}

// count returns how many numbers there are from start by step before stop.
func count(start, stop, step int64) int64 {
	if step > 0 && start < stop {
		return (stop-start-1)/step + 1
	}
	if step < 0 && start > stop {
		return (start-stop-1)/-step + 1
	}
	return 0
}

func (r *renderer) filter(x *filter, v Value, a *activation) Value {
	args := r.arguments(&x.arguments, a)
	r.line = x.line
	return r.applyFilter(x.name, v, args)
}

func (r *renderer) applyFilter(name string, v Value, args *callArguments) Value {
	f := filters[name]
	if f == nil {
		r.raise("no filter named '%s' found", name)
	}
	return f(r, v, args)
}

func (r *renderer) test(x *test, a *activation) Value {
	v := r.eval(x.x, a)
	args := r.arguments(&x.arguments, a)
	r.line = x.line
	return r.applyTest(x.name, v, args)
}

func (r *renderer) applyTest(name string, v Value, args *callArguments) bool {
	f := tests[name]
	if f == nil {
		r.raise("no test named '%s' found", name)
	}
	return f(r, v, args)
}
