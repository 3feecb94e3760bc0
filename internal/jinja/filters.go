package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// filterFunction applies a filter to a value.
type filterFunction func(r *renderer, v Value, a *callArguments) Value

// filters are what may follow "|".
var filters map[string]filterFunction

func init() { // some lead back here
	filters = map[string]filterFunction{
		"abs": filterAbs, "attr": filterAttr, "batch": filterBatch, "capitalize": onText(capitalize), "center": filterCenter,
		"count": filterLength, "d": filterDefault, "default": filterDefault, "dictsort": filterDictsort, "e": filterEscape,
		"escape": filterEscape, "filesizeformat": filterFileSize, "first": filterFirst, "float": filterFloat,
		"forceescape": filterForceEscape, "format": filterFormat, "groupby": filterGroupby, "indent": filterIndent, "int": filterInt,
		"items": filterItems, "join": filterJoin, "last": filterLast, "length": filterLength, "list": filterList,
		"lower": onText(lower), "map": filterMap, "max": extreme(">"), "min": extreme("<"), "reject": selecting(false, false),
		"rejectattr": selecting(false, true), "replace": filterReplace, "reverse": filterReverse, "round": filterRound,
		"safe": filterSafe, "select": selecting(true, false), "selectattr": selecting(true, true), "slice": filterSlice,
		"sort": filterSort, "string": filterString, "striptags": filterStripTags, "sum": filterSum, "title": onText(titleWords),
		"tojson": toJSON, "trim": filterTrim, "truncate": filterTruncate, "unique": filterUnique, "upper": onText(upper),
		"urlencode": filterURLEncode, "wordcount": filterWordCount, "xmlattr": filterXMLAttr,
		"pprint": refuseFilter("pprint"), "random": refuseFilter("random, whose result is random"),
		"urlize": refuseFilter("urlize"), "wordwrap": refuseFilter("wordwrap"),
	}
}

func refuseFilter(name string) filterFunction {
	return func(r *renderer, _ Value, _ *callArguments) Value {
		r.fail(ErrUnsupported, "the filter %s", name)
		return nil
	}
}

// soft returns the text of a value, and the value whose mark the result takes.
func (r *renderer) soft(v Value) (string, Value) {
	if s, ok := asText(v); ok {
		return s, v
	}
	return r.str(v), ""
}

// onText makes a filter of a function of texts.
func onText(f func(string) string) filterFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		a.bind(r, "filter")
		s, of := r.soft(v)
		r.alloc(int64(3*len(s)) + 16) // case mapping makes of a character three at most
		return like(of, f(s))
	}
}

func filterAbs(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "abs")
	if f, ok := v.(float64); ok {
		return math.Abs(f)
	}
	i, ok := asBig(v)
	if !ok {
		r.defined(v)
		r.raise("bad operand type for abs(): '%s'", typeName(v))
	}
	return fromBig(new(big.Int).Abs(i))
}

func filterAttr(r *renderer, v Value, a *callArguments) Value {
	name := r.needText(a.bind(r, "attr", "name")[0])
	if x, ok := v.(*undefined); ok {
		r.defined(x)
	}
	if x, ok := r.attributeOf(v, name); ok {
		return x
	}
	return r.undefined("'%s object' has no attribute '%s'", typeName(v), name)
}

func filterCenter(r *renderer, v Value, a *callArguments) Value {
	width := a.bind(r, "center", "width?")[0]
	s, of := r.soft(v)
	return like(of, r.center(s, r.index(or(width, int64(80))), " "))
}

// center pads a text on both sides as Python's str.center, down to where the odd space goes.
func (r *renderer) center(s string, width int64, fill string) string {
	n := int64(runeCount(s))
	if width <= n {
		return s
	}
	pad := width - n
	r.allocTimes(pad, int64(len(fill)))
	r.alloc(int64(len(s)) + 16)
	left := pad/2 + pad&width&1
	return strings.Repeat(fill, int(left)) + s + strings.Repeat(fill, int(pad-left))
}

func filterDefault(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "default", "default_value?", "boolean?")
	if _, ok := v.(*undefined); ok || truth(or(p[1], false)) && !truth(v) {
		return or(p[0], "")
	}
	return v
}

func filterEscape(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "escape")
	return markup(r.escaped(v))
}

func filterForceEscape(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "forceescape")
	return markup(r.escape(r.str(v)))
}

func filterSafe(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "safe")
	return markup(r.str(v))
}

func filterString(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "string")
	s, of := r.soft(v)
	return like(of, s)
}

func filterFileSize(r *renderer, v Value, a *callArguments) Value {
	binary := truth(or(a.bind(r, "filesizeformat", "binary?")[0], false))
	n, ok := r.toFloat(v)
	if !ok {
		r.raise("could not convert '%s' to float", typeName(v))
	}
	base, suffix := 1000.0, "B"
	prefixes := []string{"k", "M", "G", "T", "P", "E", "Z", "Y"}
	if binary {
		base, suffix = 1024, "iB"
		prefixes[0] = "K"
	}
	if n == 1 {
		return "1 Byte"
	}
	if n < base {
		return strconv.FormatFloat(math.Trunc(n), 'f', 0, 64) + " Bytes"
	}
	unit := base
	for i, prefix := range prefixes {
		unit *= base
		if n < unit || i == len(prefixes)-1 {
			return strconv.FormatFloat(base*n/unit, 'f', 1, 64) + " " + prefix + suffix
		}
	}
	return nil
}

// toFloat is Python's float(): of a number or a text.
func (r *renderer) toFloat(v Value) (float64, bool) {
	if s, ok := asText(v); ok {
		r.scan(len(s))
		return parseFloat(s)
	}
	return r.asFloat(v)
}

func filterFloat(r *renderer, v Value, a *callArguments) Value {
	otherwise := a.bind(r, "float", "default?")[0]
	r.defined(v)
	if f, ok := r.toFloat(v); ok {
		return f
	}
	return or(otherwise, 0.0)
}

func filterInt(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "int", "default?", "base?")
	r.defined(v)
	if s, ok := asText(v); ok {
		r.scan(min(len(s)*len(s)/16, 1<<20))
		if i, ok := parseInteger(s, int(r.index(or(p[1], int64(10))))); ok {
			return r.integer(i)
		}
	} else if i, ok := asBig(v); ok {
		return fromBig(i)
	}
	if f, ok := r.toFloat(v); ok && !math.IsInf(f, 0) && f == f {
		i, _ := big.NewFloat(math.Trunc(f)).Int(nil)
		return r.integer(i)
	}
	return or(p[0], int64(0))
}

func filterRound(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "round", "precision?", "method?")
	method := r.str(or(p[1], "common"))
	n := r.index(or(p[0], int64(0)))
	if method != "common" && method != "ceil" && method != "floor" {
		r.raise("method must be common, ceil or floor")
	}
	r.defined(v)
	if !isNumber(v) {
		r.raise("type %s doesn't define a rounding", typeName(v))
	}
	n = min(max(n, -400), 400)
	if method == "common" {
		return r.round(v, n)
	}
	scale := r.arithmetic("**", int64(10), n)
	scaled, _ := r.asFloat(r.arithmetic("*", v, scale))
	if method == "ceil" {
		scaled = math.Ceil(scaled)
	} else {
		scaled = math.Floor(scaled)
	}
	if math.IsInf(scaled, 0) || scaled != scaled {
		r.raise("cannot convert float infinity or NaN to integer")
	}
	whole, _ := big.NewFloat(scaled).Int(nil)
	return r.arithmetic("/", r.integer(whole), scale)
}

// round rounds half to even, to n digits after the point.
func (r *renderer) round(v Value, n int64) Value {
	if f, ok := v.(float64); ok {
		if math.IsInf(f, 0) || f != f || n > 330 {
			return f
		}
		if n < 0 {
			scale := math.Pow(10, float64(-n))
			return math.RoundToEven(f/scale) * scale
		}
		rounded, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(n), 64), 64)
		return rounded
	}
	i, _ := asBig(v)
	if n >= 0 {
		return fromBig(i)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(-n), nil)
	half := new(big.Int).Rsh(scale, 1)
	q, rest := new(big.Int).DivMod(i, scale, new(big.Int))
	if c := rest.Cmp(half); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return r.integer(q.Mul(q, scale))
}

func filterFormat(r *renderer, v Value, a *callArguments) Value {
	if len(a.positional) > 0 && len(a.names) > 0 {
		r.raise("can't handle positional and keyword arguments at the same time")
	}
	s, of := r.soft(v)
	_, safe := of.(markup)
	if len(a.names) > 0 {
		d := NewDict()
		for i, name := range a.names {
			r.setItem(d, name, a.named[i])
		}
		return like(of, r.percent(s, d, safe))
	}
	return like(of, r.percent(s, r.newTuple(a.positional...), safe))
}
