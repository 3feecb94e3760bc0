package main

import (
	"fmt"
	"strings"
)

// hostileTemplates are chat templates that want more time, memory, output or depth than
// anybody has, or that divide by zero and index past ends.
func hostileTemplates() []specimen {
	var list []specimen
	add := func(name, format string, args ...any) {
		list = append(list, specimen{"template " + name, func() string { return fmt.Sprintf(format, args...) }})
	}
	for _, n := range []string{"100000", "10**9", "10**18", "2**64", "2**4096"} {
		add("range "+n, "{%% for i in range(%s) %%}{{ i }}{%% endfor %%}", n)
		add("silent range "+n, "{%% for i in range(%s) %%}{%% endfor %%}", n)
		add("list of range "+n, "{{ range(%s) | list | length }}", n)
		add("string times "+n, "{{ 'a' * (%s) }}", n)
		add("length of a string times "+n, "{{ ('a' * (%s)) | length }}", n)
		add("list times "+n, "{{ ([0] * (%s)) | length }}", n)
		add("center "+n, "{{ 'a' | center(%s) }}", n)
		add("format width "+n, "{{ '%%%%%ss' | format('a') }}", strings.Map(digits, n))
		add("percent width "+n, "{{ '%%%%%%*d' %% (%s, 1) }}", n)
		add("indent "+n, "{{ 'a\nb' | indent(%s) }}", n)
		add("tojson indent "+n, "{{ [1] | tojson(indent=%s) }}", n)
		add("batch "+n, "{{ [1] | batch(%s, 'x') | list | length }}", n)
		add("slice "+n, "{{ [1] | slice(%s) | list | length }}", n)
		add("ljust "+n, "{{ 'a'.ljust(%s) | length }}", n)
		add("lipsum "+n, "{{ lipsum(n=%s) | length }}", n)
	}
	for _, n := range []int{10, 100, 1000} {
		add(fmt.Sprintf("%d nested loops", n), "%s%s%s", strings.Repeat("{% for i in range(9) %}", n), "x", strings.Repeat("{% endfor %}", n))
		add(fmt.Sprintf("%d nested ifs", n), "%s%s%s", strings.Repeat("{% if true %}", n), "x", strings.Repeat("{% endif %}", n))
	}
	for _, n := range []int{1000, 100000} {
		for _, pair := range [][2]string{{"(", ")"}, {"[", "]"}, {"{1: ", "}"}, {"not ", ""}, {"-", ""}, {"1 + (", ")"}, {"x[", "]"}, {"f(", ")"}, {"1 if 1 else ", ""}, {"1 ** ", ""}} {
			add(fmt.Sprintf("%d times %q", n, pair[0]), "{{ %s1%s }}", strings.Repeat(pair[0], n), strings.Repeat(pair[1], n))
		}
		add(fmt.Sprintf("%d filters", n), "{{ 'a'%s }}", strings.Repeat("|upper", n))
		add(fmt.Sprintf("%d attributes", n), "{{ messages%s }}", strings.Repeat(".a", n))
	}
	add("doubling string", "{%% set ns = namespace(s='ab') %%}{%% for i in range(99) %%}{%% set ns.s = ns.s ~ ns.s %%}{%% endfor %%}{{ ns.s }}")
	add("doubling list", "{%% set ns = namespace(s=[1]) %%}{%% for i in range(99) %%}{%% set ns.s = ns.s + ns.s %%}{%% endfor %%}{{ ns.s | length }}")
	add("nesting list", "{%% set ns = namespace(s=[]) %%}{%% for i in range(99999) %%}{%% set ns.s = [ns.s, ns.s] %%}{%% endfor %%}{{ ns.s }}")
	add("nested list to JSON", "{%% set ns = namespace(s=[]) %%}{%% for i in range(60) %%}{%% set ns.s = [ns.s, ns.s] %%}{%% endfor %%}{{ ns.s | tojson }}")
	add("equal nested lists", "{%% set ns = namespace(a=[], b=[]) %%}{%% for i in range(60) %%}{%% set ns.a = [ns.a, ns.a] %%}{%% set ns.b = [ns.b, ns.b] %%}{%% endfor %%}{{ ns.a == ns.b }}")
	add("recursive macro", "{%% macro m() %%}{{ m() }}{%% endmacro %%}{{ m() }}")
	add("twice recursive macro", "{%% macro m(n) %%}{%% if n %%}{{ m(n-1) }}{{ m(n-1) }}{%% endif %%}{%% endmacro %%}{{ m(60) }}")
	add("mutual macros", "{%% macro a() %%}{{ b() }}{%% endmacro %%}{%% macro b() %%}{{ a() }}{%% endmacro %%}{{ a() }}")
	add("recursive loop", "{%% for i in [[1]] recursive %%}{{ loop([[1]]) }}{%% endfor %%}")
	add("recursive caller", "{%% macro m() %%}{{ caller() }}{%% endmacro %%}{%% call m() %%}{%% call m() %%}x{%% endcall %%}{%% endcall %%}")
	add("replace", "{{ ('a' * 1000).replace('a', 'b' * 1000).replace('b', 'c' * 1000) }}")
	add("replace nothing", "{{ ('a' * 10000).replace('', 'b' * 10000) }}")
	add("join", "{{ (range(10000) | list) | join('x' * 100000) }}")
	add("split", "{{ ('a ' * 100000).split() | join('b' * 1000) }}")
	add("power", "{{ 9 ** 9 ** 9 }}")
	add("powers of powers", "{{ (10 ** 1000) ** 1000 }}")
	add("modulo zero", "{{ 1 %% 0 }}")
	add("division by zero", "{{ 1 / 0 }}{{ 1 // 0 }}{{ 1.0 %% 0 }}")
	add("smallest integer", "{{ (-9223372036854775807 - 1) // -1 }}{{ -(-9223372036854775807 - 1) }}")
	add("cycler", "{%% set c = cycler(1, 2) %%}{%% for i in range(10**9) %%}{{ c.next() }}{%% endfor %%}")
	add("sort", "{{ range(100000) | list | sort(reverse=true) | length }}")
	add("group by", "{{ range(100000) | list | groupby('a') | list | length }}")
	add("unique", "{{ (range(99999) | list) | unique | list | length }}")
	add("sum", "{{ (range(99999) | list) | sum }}")
	add("wordwrap", "{{ ('a b ' * 100000) | wordwrap(1) }}")
	add("urlize", "{{ ('http://a.b ' * 100000) | urlize }}")
	add("strip tags", "{{ ('<' * 100000) | striptags }}")
	add("escape", "{{ ('<' * 1000000) | escape | escape | escape }}")
	add("pretty print", "{{ (range(99999) | list) | pprint }}")
	add("unclosed", "{%% for i in range(9) %%}{{ i")
	add("unclosed string", "{{ 'aaa")
	add("ends of nothing", "%s", strings.Repeat("{% endfor %}", 1000))
	add("a million tags", "%s", strings.Repeat("{{ 1 }}", 1000000))
	add("a million comments", "%s", strings.Repeat("{# x #}", 1000000))
	add("eight megabytes", "%s", strings.Repeat("aaaaaaaa", 1<<20))
	add("a long number", "{{ %s }}", strings.Repeat("9", 1000000))
	add("a long name", "{{ %s }}", strings.Repeat("a", 1000000))
	add("many macros", "%s", strings.Repeat("{% macro m() %}{% endmacro %}", 100000))
	add("a format of formats", "{{ '%%s' * 99999 %% (range(99999) | list) }}")
	add("dict updates", "{%% set d = {} %%}{%% for i in range(10**7) %%}{%% set _ = d.update({i: i}) %%}{%% endfor %%}")
	add("appends", "{%% set l = [] %%}{%% for i in range(10**8) %%}{%% set _ = l.append(l) %%}{%% endfor %%}{{ l }}")
	add("a list in itself", "{%% set l = [] %%}{%% set _ = l.append(l) %%}{{ l }}{{ l | tojson }}{{ l == l }}")
	add("strftime", "{{ strftime_now('%%Y' * 1000000) }}")
	add("null bytes", "{{ '\x00' }}\x00{%% if \x00 %%}")
	add("broken UTF-8", "{{ '\xff\xfe' }}\xff")
	return list
}

// digits keeps a number's digits alone.
func digits(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}
