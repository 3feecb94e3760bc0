package jinja

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// hostile returns templates that cost as much as they can, by what they are after.
func hostile() map[string]string {
	all := map[string]string{}
	add := func(class string, templates ...string) {
		for _, t := range templates {
			all[fmt.Sprintf("%s %d", class, len(all))] = t
		}
	}
	rep := strings.Repeat
	loops := func(n int, body string) string {
		return rep("{% for i in range(100000) %}", n) + body + rep("{% endfor %}", n)
	}
	// doubles a value held in a namespace again and again.
	doubled := func(start, step string) string {
		return "{% set ns = namespace(x=" + start + ") %}{% for i in range(100000) %}{% set ns.x = " + step + " %}{% endfor %}{{ ns.x | string | length }}"
	}
	add("time",
		loops(2, ""), loops(5, ""), loops(2, "{{ i }}"), loops(2, "{% if i %}{% endif %}"), loops(2, "{% set x = i %}"), loops(2, "{% continue %}"),
		"{% for i in range(1000000000) %}x{% endfor %}",
		"{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(40) }}",
		"{% for x in [1,2] recursive %}{{ loop([1,2]) }}{% endfor %}",
		loops(2, "{% if 'z' in s %}{% endif %}"), loops(2, "{% if s == t %}{% endif %}"), loops(2, "{{ s.find('z') }}"),
		loops(2, "{% set x = s.split('a') %}"), loops(2, "{% set x = s | upper %}"), loops(2, "{% set x = s | replace('a', 'b') %}"),
		loops(2, "{% set x = d[s] %}"), loops(2, "{% if s.startswith(s) %}{% endif %}"), loops(2, "{% set x = s[::2] %}"),
		loops(2, "{% set x = s | wordcount %}"), loops(2, "{% set x = s | striptags %}"), loops(2, "{% set x = s | e %}"),
		loops(2, "{% set x = s | tojson %}"), loops(2, "{% set x = s ~ s %}"), loops(2, "{% set x = s < s %}"), loops(2, "{% set x = s | int %}"),
		loops(2, "{% set x = s | title %}"), loops(2, "{% set x = s is lower %}"), loops(2, "{% set x = s[-1] %}"), loops(2, "{% set x = (s, s) in d %}"),
		"{% set l = range(100000) | list %}"+loops(1, "{% if 'x' in l %}{% endif %}"),
		"{% set l = range(100000) | list %}"+loops(1, "{% set x = l == l %}"),
		"{% set l = range(100000) | list %}"+loops(1, "{% set x = l | sort %}"),
		"{% set l = range(100000) | list %}"+loops(1, "{% set x = l | sum %}"),
		"{% set l = range(100000) | list %}"+loops(1, "{% set x = l | join %}"),
		"{% set l = range(100000) | list %}"+loops(1, "{% set x = l | unique | list %}"),
		"{% set l = range(100000) | list %}"+loops(1, "{% set x = l[::-1] %}"),
		"{% set l = range(100000) %}"+loops(1, "{% set x = l | max %}"),
		"{% set b = 2 ** 30000 %}"+loops(1, "{% set x = b * b %}"), "{% set b = 2 ** 30000 %}"+loops(1, "{% set x = b % 12345678901234567890123 %}"),
		"{% set b = 2 ** 30000 - 1 %}"+loops(1, "{% set x = b / (b - 1) %}"), "{% set b = 10 ** 4000 %}"+loops(1, "{% set x = b | string %}"),
		"{% set b = 10 ** 4000 %}"+loops(1, "{% set x = {b: 1} %}"), "{% set b = '9' * 4000 %}"+loops(1, "{% set x = b | int %}"),
		"{% set b = 7 ** 7000 %}"+loops(1, "{% set x = b // 3 %}"), loops(1, "{% set x = '%.9999f' % 1e300 %}"), loops(1, "{% set x = 7 ** 10000 %}"),
		loops(2, "{% set x = strftime_now('%c' * 100) %}"), loops(2, "{% set x = '{:,}'.format(123456789) %}"),
	)
	add("output",
		loops(1, "{{ s }}"), loops(2, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
		"{% macro f() %}{{ s * 100 }}{% endmacro %}"+loops(1, "{{ f() }}"), "{% set x %}"+loops(1, "{{ s }}")+"{% endset %}",
		"{% filter upper %}"+loops(1, "{{ s }}")+"{% endfilter %}", "{{ s * 1000 }}{{ s * 1000 }}{{ s * 1000 }}",
	)
	add("memory",
		"{{ 'x' * 10000000000 }}", "{{ 10000000000 * 'x' }}", "{{ [0] * 10000000000 }}", "{{ (0,) * 10 ** 30 }}", "{{ 'a' | center(5000000000) }}",
		"{{ 'a'.ljust(10 ** 12) }}", "{{ 'a'.rjust(10 ** 18) }}", "{{ '1'.zfill(10 ** 10) }}", "{{ '\t'.expandtabs(10 ** 10) }}",
		"{{ '%1000000000d' % 1 }}", "{{ '%.1000000000d' % 1 }}", "{{ '%.1000000000f' % 1 }}", "{{ '%*d' % (10 ** 10, 1) }}", "{{ '%1000000000s' | format(1) }}",
		"{{ '{:1000000000}'.format(1) }}", "{{ '{:,.1000000000f}'.format(1) }}", "{{ '{:{w}}'.format(1, w=10 ** 12) }}", "{{ '{:01000000000,}'.format(1) }}",
		"{{ 9 ** (9 ** 9) }}", "{{ 10 ** 100000 }}", "{{ 2 ** (2 ** 62) }}", "{{ 's' | indent(10 ** 10, true) }}", "{{ [1] | tojson(indent=10 ** 10) }}",
		doubled("'xxxxxxxx'", "ns.x + ns.x"), doubled("'xxxxxxxx'", "ns.x ~ ns.x"), doubled("[1]", "ns.x + ns.x"), doubled("(1,)", "ns.x + ns.x"),
		doubled("[1]", "[ns.x, ns.x]"), doubled("{'a': 1}", "{'a': ns.x, 'b': ns.x}"), doubled("'ab'", "ns.x.replace('a', 'aab')"), doubled("'ab'", "ns.x | replace('', 'ab')"),
		doubled("'<'", "ns.x | forceescape | forceescape"), doubled("'\\n'", "ns.x | tojson"), doubled("'\\x00'", "[ns.x] | string"), doubled("'a'", "ns.x | urlencode ~ '/ '"),
		doubled("3", "ns.x * ns.x"), doubled("3", "ns.x ** 3"), doubled("'a'", "ns.x.join([ns.x, ns.x])"), doubled("'a'", "'%s%s' % (ns.x, ns.x)"), doubled("'a'", "'{0}{0}'.format(ns.x)"),
		doubled("'a'", "ns.x * 2"), doubled("'aß'", "(ns.x | upper) * 2"), doubled("['a']", "ns.x * 3"), doubled("range(1)", "ns.x | list + ns.x | list"),
		"{% set l = ['x' * 1000000, 'x' * 1000000, 'x' * 1000000, 'x' * 1000000, 'x' * 1000000, 'x' * 1000000, 'x' * 1000000, 'x' * 1000000, 'x' * 1000000] %}",
		"{{ [1] | batch(10 ** 10, 0) | list }}", "{{ [1] | slice(10 ** 10) | list }}", "{{ dict.fromkeys(range(100000)) }}{{ dict.fromkeys('x' * 100000) }}"+loops(1, "{% set x = {i: i} %}"),
	)
	add("depth",
		"{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
		"{% macro f() %}{% call f() %}{% endcall %}{% endmacro %}{{ f() }}", "{% block a %}{{ self.a() }}{% endblock %}", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
		"{{ "+rep("(", 100000)+"1"+rep(")", 100000)+" }}", "{{ "+rep("[", 100000)+rep("]", 100000)+" }}", "{{ "+rep("{1:", 50000)+"1"+rep("}", 50000)+" }}",
		"{{ "+rep("not ", 50000)+"1 }}", "{{ "+rep("-", 100000)+"1 }}", "{{ 1"+rep("+1", 100000)+" }}", "{{ 1"+rep("|abs", 50000)+" }}", "{{ x"+rep(".x", 100000)+" }}",
		"{{ x"+rep("[0]", 50000)+" }}", "{{ x"+rep("()", 100000)+" }}", "{{ 1"+rep(" if 1 else 1", 20000)+" }}", "{{ 1"+rep("**1", 50000)+" }}", "{{ 1"+rep("<1", 100000)+" }}",
		rep("{% if 1 %}", 20000)+rep("{% endif %}", 1), rep("{% for x in y %}", 15000), rep("{% macro f() %}", 10000), rep("{% set x %}", 20000), rep("{% filter e %}", 10000),
		"{% set ns = namespace(x=[]) %}{% for i in range(10000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
		"{% set ns = namespace(x=[]) %}{% for i in range(10000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x | tojson }}",
		"{% set ns = namespace(x=[], y=[]) %}{% for i in range(10000) %}{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
		"{% set ns = namespace(x=()) %}{% for i in range(10000) %}{% set ns.x = (ns.x,) %}{% endfor %}{{ {ns.x: 1} }}",
		"{% set ns = namespace(x=[1]) %}{% for i in range(10000) %}{% set ns.x = ns.x | map('string') %}{% endfor %}{{ ns.x | list }}",
		"{{ "+rep("("+"1"+rep("+1", 900)+"+", 99)+"1"+rep(")", 99)+" }}", "{{ f("+rep("a=1,", 50000)+") }}", "{{ "+rep("'a' ", 60000)+"}}",
	)
	many := ""
	for i := range 4000 {
		many += fmt.Sprintf("{%% set v%d = 1 %%}{%% if x %%}{%% endif %%}", i)
	}
	add("names", many)
	return all
}

// hostileVariables are a long text and data to waste time on.
func hostileVariables() map[string]Value {
	return map[string]Value{"s": strings.Repeat("aB <&", 20000), "t": strings.Repeat("aB <&", 20000) + "", "d": NewDict(), "x": nil}
}

// TestHostile renders templates that would never end, or take all memory: each ends in an error, most in ErrLimit.
func TestHostile(t *testing.T) {
	templates := hostile()
	if len(templates) < 100 {
		t.Errorf("%d templates", len(templates))
	}
	for name, source := range templates {
		_, err := render(source, hostileVariables())
		if !errors.Is(err, ErrLimit) && !errors.Is(err, ErrRuntime) && !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: %s: %v", name, clip(source, 120), err)
		}
		if err != nil && (len(err.Error()) > 500 || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: not a line: %v", name, err)
		}
	}
}

// TestLimits lowers each limit below what a harmless template needs.
func TestLimits(t *testing.T) {
	source := "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}{{ 'abc' * 100 }}"
	template, err := Parse(source, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := template.Render(nil, moment, DefaultLimits); err != nil {
		t.Fatal(err)
	}
	for name, lower := range map[string]func(*Limits){
		"steps": func(l *Limits) { l.Steps = 50 }, "memory": func(l *Limits) { l.Memory = template.size + 500 },
		"output": func(l *Limits) { l.Output = 299 }, "depth": func(l *Limits) { l.Depth = 10 },
	} {
		limits := DefaultLimits
		lower(&limits)
		if _, err := template.Render(nil, moment, limits); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse(source, Limits{Memory: 1000}); !errors.Is(err, ErrLimit) {
		t.Errorf("a tree beyond the memory: %v", err)
	}
	if _, err := Parse(strings.Repeat(" ", MaxSource+1), DefaultLimits); !errors.Is(err, ErrLimit) {
		t.Errorf("a source beyond MaxSource: %v", err)
	}
}

// TestErrors says what kind of error each is, and where.
func TestErrors(t *testing.T) {
	for source, want := range map[string]struct {
		kind error
		text string
	}{
		"a\n{% if %}":                              {ErrSyntax, "line 2"},
		"\n\n{{ 1 / 0 }}":                          {ErrRuntime, "line 3: division by zero"},
		"{{ raise_exception('No system') }}":       {ErrRefused, "No system"},
		"{{ lipsum() }}":                           {ErrUnsupported, "lipsum"},
		"{{ [1] | random }}":                       {ErrUnsupported, "random"},
		"{{ 'a' | urlize }}":                       {ErrUnsupported, "urlize"},
		"{{ 'a'.encode() }}":                       {ErrUnsupported, "str.encode"},
		"{% autoescape true %}{% endautoescape %}": {ErrUnsupported, "autoescape"},
		`{{ "\ud800" }}`:                           {ErrSyntax, "surrogate"},
	} {
		_, err := render(source, nil)
		if !errors.Is(err, want.kind) || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%q: %v, want %v: %s", source, err, want.kind, want.text)
		}
	}
	for _, data := range []string{"", "[", `{"a" 1}`, "1 2", strings.Repeat("[", 1000), "nul"} {
		if _, err := FromJSON([]byte(data)); !errors.Is(err, ErrJSON) {
			t.Errorf("%.20q: %v", data, err)
		}
	}
}

// FuzzRender reads and renders anything within the limits, twice with the same result.
func FuzzRender(f *testing.F) {
	_, cases := readVectors(f)
	for _, c := range cases {
		f.Add(c.Template)
	}
	for _, source := range hostile() {
		if len(source) < 1000 {
			f.Add(source)
		}
	}
	vars, _ := readVectors(f)
	limits := Limits{Steps: 100000, Memory: 1 << 20, Output: 1 << 18, Depth: 100}
	f.Fuzz(func(t *testing.T, source string) {
		template, err := Parse(source, limits)
		if err != nil {
			return
		}
		first, err := template.Render(vars, moment, limits)
		again, errAgain := template.Render(vars, moment, limits)
		if first != again || (err == nil) != (errAgain == nil) {
			t.Errorf("%q, %v, then %q, %v", first, err, again, errAgain)
		}
		if int64(len(first)) > limits.Output {
			t.Errorf("%d bytes", len(first))
		}
	})
}
