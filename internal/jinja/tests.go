package jinja

import "math/big"

// tests are what may follow "is".
var tests map[string]func(r *renderer, v Value, a *callArguments) bool

func init() { // some lead back here
	plain := func(f func(r *renderer, v Value) bool) func(*renderer, Value, *callArguments) bool {
		return func(r *renderer, v Value, a *callArguments) bool {
			a.bind(r, "test")
			return f(r, v)
		}
	}
	with := func(f func(r *renderer, v, x Value) bool) func(*renderer, Value, *callArguments) bool {
		return func(r *renderer, v Value, a *callArguments) bool {
			a.noNamed(r, "test")
			return f(r, v, a.bind(r, "test", "other")[0])
		}
	}
	remainder := func(r *renderer, v, by Value) Value { return r.operate("%", v, by) }
	ordered := func(op tokenKind) func(*renderer, Value, *callArguments) bool {
		return with(func(r *renderer, v, x Value) bool { return r.ordered(op, v, x) })
	}
	equal := with(func(r *renderer, v, x Value) bool { return r.equal(v, x) })
	unequal := with(func(r *renderer, v, x Value) bool { return !r.equal(v, x) })
	tests = map[string]func(r *renderer, v Value, a *callArguments) bool{
		"odd":  plain(func(r *renderer, v Value) bool { return r.equal(remainder(r, v, int64(2)), int64(1)) }),
		"even": plain(func(r *renderer, v Value) bool { return r.equal(remainder(r, v, int64(2)), int64(0)) }),
		"divisibleby": func(r *renderer, v Value, a *callArguments) bool {
			return r.equal(remainder(r, v, a.bind(r, "divisibleby", "num")[0]), int64(0))
		},
		"defined":   plain(func(r *renderer, v Value) bool { _, ok := v.(*undefined); return !ok }),
		"undefined": plain(func(r *renderer, v Value) bool { _, ok := v.(*undefined); return ok }),
		"none":      plain(func(r *renderer, v Value) bool { return v == nil }),
		"boolean":   plain(func(r *renderer, v Value) bool { _, ok := v.(bool); return ok }),
		"true":      plain(func(r *renderer, v Value) bool { return v == true }),
		"false":     plain(func(r *renderer, v Value) bool { return v == false }),
		"integer": plain(func(r *renderer, v Value) bool {
			switch v.(type) {
			case int64, *big.Int:
				return true
			}
			return false
		}),
		"float":    plain(func(r *renderer, v Value) bool { _, ok := v.(float64); return ok }),
		"number":   plain(func(r *renderer, v Value) bool { return isNumber(v) }),
		"string":   plain(func(r *renderer, v Value) bool { _, ok := asText(v); return ok }),
		"mapping":  plain(func(r *renderer, v Value) bool { _, ok := v.(*Dict); return ok }),
		"sequence": plain(func(r *renderer, v Value) bool { return isSequence(v) }),
		"iterable": plain(func(r *renderer, v Value) bool { _, ok := r.iterate(v); return ok }),
		"callable": plain(func(r *renderer, v Value) bool {
			switch v.(type) {
			case *function, *macro, *loop, *joiner:
				return true
			case *undefined:
				return true // its type has __call__, which raises
			}
			return false
		}),
		"escaped": plain(func(r *renderer, v Value) bool { _, ok := v.(markup); return ok }),
		"lower":   plain(func(r *renderer, v Value) bool { return isLower(r.meter.text(r.str(v))) }),
		"upper":   plain(func(r *renderer, v Value) bool { return isUpper(r.meter.text(r.str(v))) }),
		"filter":  plain(func(r *renderer, v Value) bool { s, ok := asText(v); return ok && filters[s] != nil }),
		"test":    plain(func(r *renderer, v Value) bool { s, ok := asText(v); return ok && tests[s] != nil }),
		"sameas":  with(func(r *renderer, v, x Value) bool { return same(v, x) }),
		"in":      with(func(r *renderer, v, x Value) bool { return r.contains(x, v) }),
		"==":      equal, "eq": equal, "equalto": equal, "!=": unequal, "ne": unequal,
		"<": ordered("<"), "lt": ordered("<"), "lessthan": ordered("<"), "<=": ordered("<="), "le": ordered("<="),
		">": ordered(">"), "gt": ordered(">"), "greaterthan": ordered(">"), ">=": ordered(">="), "ge": ordered(">="),
	}
}

func isSequence(v Value) bool {
	switch v.(type) {
	case string, markup, *List, *tuple, *Dict, *numbers, *undefined:
		return true
	}
	return false
}

// same is Python's "is", as far as values here have an identity: equal small values are the same.
func same(x, y Value) bool {
	switch x.(type) {
	case *undefined, *big.Int:
		return false
	}
	return typeName(x) == typeName(y) && x == y
}
