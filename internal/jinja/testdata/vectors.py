#!/usr/bin/env python3
"""Writes vectors.json: what Python's jinja2 makes of small templates of our own. Needs transformers and jinja2 3.1.

Each expression stands in {{ }}; the variables are VARIABLES below.
"""
import json
import sys

from truth import render

VARIABLES = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "  Hi <b>&amp;</b> 'there'\n"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"type": "function", "function": {"name": "add", "arguments": {"z": 1, "a": [1.5, None, True]}}}]},
        {"role": "tool", "content": "2.5", "name": "add"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nIt is 2.5."},
        {"role": "user", "content": [{"type": "text", "text": "Größe, 東京 🙂?"}, {"type": "image"}]},
    ],
    "tools": None, "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>",
    "n": 7, "f": 2.5, "t": "Hello World", "u": "ǆ ß ΑΣ İ ﬁ 東京", "e": "", "yes": True, "no": False, "nothing": None,
    "nums": [3, 1, 2], "words": ["b", "A", "c", "a"], "d": {"b": 1, "a": 2, "C": 3}, "nested": {"x": {"y": [1, {"z": "deep"}]}},
    "rows": [{"k": "x", "v": 2}, {"k": "Y", "v": 1}, {"k": "x", "v": 3}, {"v": 0}], "big": 10 ** 30, "items": [], "pairs": [["a", 1], ["b", 2]],
    "special": {"items": 5, "get": 6, "keys": [1], "pop": 7, "_hidden": 8, "update": 1},
}

EXPRESSIONS = r'''
n + 1
n - 10
n * 3
n / 2
n // 2
-n // 2
n % 4
-n % 4
n % -4
n ** 2
2 ** -1
2 ** 100
-2 ** 2
2 ** 3 ** 2
f * 2
f // 1
-f // 1
f % 2
-f % 2
7.5 % -2
1e16
1e15
123456789012345678
1.0
0.1 + 0.2
1e-5
0.0001
1e300 * 1e10
-1e300 * 1e10
1_000
1_0.5
0x1F
0b101
0o17
00
1 / 3
6 / 3
10 ** 20
10 ** 20 / 10 ** 18
big * big
big // 7
-big // 7
big % 1000007
big + 0.5
n / 0
n // 0
n % 0
f / 0
f % 0
0 ** 0
0 ** -1
0.0 ** -1.0
True + True
True and 5
False or "x"
not n
not not n
+True
-True
-"a"
+nothing
n + "a"
"a" + n
"a" + 1
"a" ~ 1 ~ none ~ true ~ 1.0 ~ [1]
"a" * 3
3 * "ab"
"a" * -1
[1] * 2
[1] + [2]
(1,) + (2,)
[1] + (2,)
[] - []
"a" - "b"
1 == 1.0
1 == true
"1" == 1
none == false
undefined == undefined
[1, 2] == [1, 2]
[1, 2] == (1, 2)
{"a": 1} == {"a": 1.0}
{"a": 1, "b": 2} == {"b": 2, "a": 1}
1 < 2 < 3
1 < 2 > 3
1 < "a"
"a" < "b"
"é" > "z"
[1, 2] < [1, 3]
[1] < [1, 0]
(1, "a") < (1, 2)
none < 1
undefined < 1
1 in [1, 2]
1 not in [1, 2]
"a" in "abc"
"" in ""
1 in "abc"
"b" in d
"z" in d
d in d
3 in range(5)
"a" in undefined
"a" in none
("b", 1) in d.items()
1 in d.values()
none
true
None
[none, true, 1.0, "a'b", 'a"b', "a'\"b", "\n\t\\\x00é東\u200b"]
{"a": 1, 2: [3], none: (4,)}
(1,)
()
(1, 2)
1, 2
{}
[]
"\u00e9\x41\101\n"
"\é"
'a' 'b'
"a\qb"
t[0]
t[-1]
t[1:3]
t[::-1]
t[::2]
t[-3:]
t[10:2:-2]
t[100]
t[-100]
t["upper"]()
u[1]
u[::-1]
u[2:5]
u | length
nums[0]
nums[-1]
nums[5]
nums[1:]
nums[::-1]
nums[::0]
nums["a"]
nums[1.0]
nums[true]
nums.0
nums[:n]
nums[none:2]
range(5)[1:3]
range(5)[-1]
range(10, 0, -3) | list
range(3)
range(0, 6, 2)
range(0)
range(1, 2, 0)
range(1.5)
range(200000)
range(-5)
range(3) | length
d.a
d["a"]
d.zz
d["zz"]
d.zz.y
d[1:2]
d[[1]]
nested.x.y[1].z
nested.x.y.1.z
nested["x"]["y"][-1]["z"]
special.items
special["items"]
special.get
special.get("get")
special.pop
special.pop("a")
special["pop"]
special._hidden
special["_hidden"]
special.keys()
special.update
special.nope
d.keys()
d.values()
d.items()
d.items() | list
d.keys() | length
d.get("a")
d.get("zz")
d.get("zz", 5)
d.get()
d.get([1])
d.copy()
d | length
d | list
d["keys"]() | list
d.__class__
t.__class__.__mro__
t.__len__
t.nope
t.nope()
undefined
undefined.x
undefined["x"]
undefined()
undefined | length
undefined | list
undefined | default("x")
undefined | upper
undefined + 1
undefined ~ "x"
-undefined
undefined is defined
undefined is none
undefined is iterable
undefined is sequence
undefined is string
undefined is mapping
undefined is callable
undefined and 1
undefined or 1
not undefined
undefined if false
("a" if false) is defined
"a" if yes else "b"
"a" if no else "b" if no else "c"
("a" if yes) ~ "x"
none | default("x")
none | default("x", true)
e | default("x", true)
e | d("x", boolean=true)
0 | default(5, true)
nothing | length
n | length
n | list
n | first
1 | string
1.5 | string
none | string | length
[1, "a"] | string
t | upper
t | lower
t | title
t | capitalize
"hello wOrld-foo (bar) {baz}" | title
"they're bill's" | title
u | upper
u | lower
u | title
u | capitalize
u.title()
u.capitalize()
u.swapcase()
u.upper()
"ΑΣ".lower()
"ΑΣ ΑΣΑ Σ".lower()
"they're bill's".title()
"ABC def".swapcase()
"Straße".casefold()
none | upper
5 | upper
" a b " | trim
"xxaxx" | trim("x")
" a ".strip()
"xyaxy".strip("yx")
"  a".lstrip()
"a  ".rstrip()
"\u3000a\u2003".strip()
"a\x1f".strip() | length
"a,b,c".split(",")
"a,b,c".split(",", 1)
"a,b,c".rsplit(",", 1)
" a  b c ".split()
" a  b c ".split(none, 1)
" a  b c ".rsplit(none, 1)
" a  b c ".rsplit()
"".split()
"".split(",")
"abc".split("")
"a,b".split(sep=",", maxsplit=0)
"a\nb\r\nc".splitlines()
"a\nb\n".splitlines(true)
"a=b=c".partition("=")
"a=b=c".rpartition("=")
"abc".partition("x")
"abc".rpartition("x")
"abc".find("c")
"abcabc".rfind("b")
"abc".find("z")
"abc".index("z")
"abcabc".count("b")
"abc".count("")
"東京東".find("東", 1)
"abcabc".find("a", 1, 3)
"abc".find("", 5)
"abc".replace("b", "x")
"aaa".replace("a", "b", 2)
"abc".replace("", "-")
"aaa" | replace("a", "b", 1)
"aaa" | replace("a", 1)
123 | replace(2, "x")
"abc".startswith("a")
"abc".startswith(("x", "a"))
"abc".endswith("bc")
"abc".startswith("b", 1)
"abc".startswith(["a"])
"abc".removeprefix("a")
"abc".removesuffix("c")
"abc".center(8)
"abc".center(7)
"ab".center(7)
"ab".center(8, "*")
"abc".ljust(5, ".")
"abc".rjust(5)
"abc".ljust(5, "..")
"-5".zfill(4)
"5".zfill(3)
"a\tb".expandtabs(4)
",".join(words)
",".join(nums)
",".join("abc")
"abc".isalpha()
"123".isdigit()
"²".isdigit()
"½".isnumeric()
"abc1".isalnum()
" ".isspace()
"Abc Def".istitle()
"abc".islower()
"ABC1".isupper()
"a b".isidentifier()
"a\n".isprintable()
"é".isascii()
"{} {}".format(1, "a")
"{1} {0}".format(1, "a")
"{a} {b.role} {b[content]}".format(a=1, b=messages[0])
"{:>5}|{:<5}|{:^5}|".format("a", "b", "c")
"{:05d} {:+d} {:x} {:#x} {:b} {:,}".format(42, 42, 255, 255, 5, 1234567)
"{:.2f} {:e} {:g} {:%}".format(3.14159, 12345.678, 0.00001, 0.25)
"{:10.3f}|{:<10.3f}|".format(3.14159, 2.5)
"{!r} {!s}".format("a", "b")
"{{}} {}".format(1)
"{}".format()
"{0} {}".format(1, 2)
"{".format()
"{:{w}}".format("a", w=5)
"{x}".format_map({"x": 1})
"{.__class__}".format(1)
"{:*^9}".format("mid")
"{:.3}".format("abcdef")
"{:d}".format("a")
"{:_}".format(1234567)
"{}".format(true)
"{:5}|".format(true)
"%s" % "a"
"%s %s" % ("a", 1)
"%d" % 3.7
"%d" % "a"
"%5d|%-5d|%05d" % (1, 2, 3)
"%.2f %e %g %G" % (1.005, 12345.678, 1e-10, 1e20)
"%x %X %o %#x" % (255, 255, 8, 255)
"%c%c" % (65, "b")
"%%" % ()
"%s" % (1, 2)
"%s %s" % 1
"%(a)s %(b)05.1f" % {"a": 1, "b": 2.25}
"%(zz)s" % {"a": 1}
"%r" % "a"
"%s" % [1, 2]
"%s" % none
"%*d" % (5, 42)
"%+d % d" % (5, 5)
"%.3s" % "abcdef"
"%y" % 1
"%" % 1
"%s-%s" | format("a", 1)
"%(x)s" | format(x=1)
"%s" | format("a", x=1)
nums | sort
nums | sort(reverse=true)
words | sort
words | sort(case_sensitive=true)
rows[:3] | sort(attribute="v") | map(attribute="v") | list
rows[:3] | sort(attribute="k,v") | map(attribute="v") | list
[1, "a"] | sort
nums | reverse | list
t | reverse
nums | first
nums | last
items | first
items | last
t | first
t | last
d | first
d | last
nums | min
nums | max
words | min
words | max
rows | max(attribute="v")
items | max
nums | sum
rows | sum(attribute="v")
nums | sum(start=10)
[[1], [2]] | sum(start=[])
["a"] | sum
nums | join
nums | join(",")
nums | join(1)
rows | join(",", attribute="v")
rows[:1] | join("-")
items | join(",")
[none, 1.5, true] | join("|")
t | join("-")
d | join(",")
n | join
nums | list
t | list
d | list
nums | length
nums | count
nums | unique | list
[1, 1.0, true, "a", "A"] | unique | list
["a", "A"] | unique(case_sensitive=true) | list
rows[:3] | unique(attribute="k") | map(attribute="v") | list
rows[:3] | groupby("k") | list
rows | groupby("k", default="z")
rows[:3] | groupby("k", case_sensitive=true) | map(attribute="grouper") | list
(rows[:3] | groupby("k"))[0].list
(rows[:3] | groupby("k"))[0].grouper
nums | batch(2) | list
nums | batch(2, "x") | list
range(7) | slice(3) | list
range(7) | slice(3, "x") | list
nums | slice(0) | list
nums | map("string") | list
words | map("upper") | list
rows | map(attribute="k") | list
rows | map(attribute="k", default="none") | list
words | map("replace", "a", "x") | list
words | map("nosuch") | list
nums | map | list
pairs | map(attribute=1) | list
pairs | map(attribute="0") | list
nums | select("odd") | list
nums | select | list
nums | select(">", 1) | list
nums | reject("odd") | list
[0, 1, none, "", "a"] | select | list
[0, 1, none, "", "a"] | reject | list
rows | selectattr("v") | map(attribute="v") | list
rows | selectattr("k", "equalto", "x") | list | length
rows | selectattr("k", "defined") | list | length
rows | rejectattr("k", "defined") | list
rows | selectattr("k", "in", ["x"]) | list | length
rows | selectattr | list
messages | selectattr("role", "equalto", "user") | list | length
messages | map(attribute="role") | join(",")
d | dictsort
d | dictsort(true)
d | dictsort(by="value")
d | dictsort(reverse=true)
d | dictsort(by="x")
d | items | list
undefined | items | list
n | items | list
5 | abs
-5 | abs
-5.5 | abs
"a" | abs
2.5 | round
3.5 | round
2.567 | round(2)
2.5 | round(0, "ceil")
-2.5 | round(0, "floor")
2.567 | round(1, "floor")
1234 | round(-2)
1250 | round(-2)
5 | round
"a" | round
2.675 | round(2)
"42" | int
"42.7" | int
"x" | int
"x" | int(5)
"0x1F" | int(0, 16)
"0b11" | int(0, 0)
42.9 | int
none | int
[] | int(3)
" 7 " | int
"1_000" | int
"１２" | int
"inf" | int
"42" | float
"x" | float
"x" | float(1.5)
"1e3" | float
"inf" | float
"nan" | float
none | float
5 | float
1000 | filesizeformat
1 | filesizeformat
0 | filesizeformat
1500000 | filesizeformat
1500000 | filesizeformat(true)
1e30 | filesizeformat
"a b" | urlencode
"a/b?c=é" | urlencode
{"a": "b c", "d": 1} | urlencode
pairs | urlencode
5 | urlencode
"<a href='x'>\"&" | escape
"<a>" | e | e
"<a>" | safe | e
("<a>" | e) | forceescape
"<b>" + ("<i>" | safe)
("<i>" | safe) + "<b>"
"<b>" ~ ("<i>" | safe)
("<%s>" | safe) % "<b>"
("<i>" | safe) * 2
("a" | safe).upper() + "<"
("{}" | safe).format("<")
("," | safe).join(["<", "b"])
["<i>" | safe]
"<i>" | safe is escaped
"<i>" | safe | string | upper + "<"
"<p>Hello  <b>World</b></p> &lt;" | striptags
"a b c" | wordcount
"it's a_b 1-2 東京" | wordcount
{"class": "a", "x": none, "y": 1} | xmlattr
{"class": "<"} | xmlattr(false)
"foo bar baz qux" | truncate(9)
"foo bar baz qux" | truncate(9, true)
"foo bar baz qux" | truncate(11)
"foo bar baz qux" | truncate(9, true, "...", 0)
"foo bar baz qux" | truncate(2)
"abc" | center(10)
"a\nb\n\nc" | indent
"a\nb\n\nc" | indent(2, true)
"a\nb\n\nc" | indent(2, true, true)
"a\nb" | indent("> ")
"" | indent
5 | indent
nums | attr("index")
d | attr("a")
t | attr("upper")()
d | attr("get")("a")
messages[0] | tojson
messages | tojson
messages[2] | tojson(indent=2)
messages[2] | tojson(indent="\t")
messages[2] | tojson(separators=(",", ":"))
messages[5] | tojson(ensure_ascii=true)
d | tojson(sort_keys=true)
d | tojson(true)
[1, 1.0, 1e100, big, true, none, "\x00\x7f\u2028é🙂\"\\/"] | tojson
"\x00\x7f\u2028é🙂" | tojson(true)
{1: 2, true: 3, none: 4, 1.5: 5} | tojson
{(1,): 2} | tojson
[] | tojson(indent=2)
{} | tojson(indent=2)
[[], {}] | tojson(indent=1)
[1, [2]] | tojson(indent=0)
undefined | tojson
(1, 2) | tojson
range(3) | tojson
"<a>" | tojson
("<a>" | safe) | tojson
1e400 | tojson
nums | map("string") | tojson
namespace(a=1)
namespace(a=1).a
namespace(a=1).b
namespace({"a": 1}, b=2)
namespace(_a=1)
namespace(a=1)["a"]
namespace() | length
namespace(items=1).items
dict(a=1, b=2)
dict({"a": 1}, b=2)
dict([("a", 1)])
dict(5)
dict.fromkeys("ab", 1)
dict()
cycler("a", "b").next()
cycler()
cycler("a", "b").current
joiner("|")() ~ "x"
raise_exception("no")
raise_exception()
strftime_now("%Y-%m-%d %H:%M:%S.%f")
strftime_now("%a %A %b %B %d %e %j %U %W %V %G %u %w %y %I %p %M")
strftime_now("%-d %-m %_d %^a %c | %x | %X | %D | %F | %T | %R | %%")
strftime_now("%Q %5Y %h%n%t.")
strftime_now("plain é")
strftime_now("[%z%Z]")
strftime_now(5)
strftime_now is defined
lipsum is defined
lipsum is callable
range is callable
t.upper is callable
n is callable
3 is odd
3 is even
-3 is odd
3.0 is odd
"a" is odd
9 is divisibleby 3
9 is divisibleby(4)
n is defined
n is undefined
nothing is none
nothing is not none
true is boolean
1 is boolean
true is true
1 is true
false is false
0 is false
1 is integer
true is integer
1.0 is integer
1.0 is float
1 is number
true is number
"1" is number
"a" is string
1 is string
("a" | safe) is string
d is mapping
nums is mapping
nums is sequence
t is sequence
d is sequence
d.keys() is sequence
n is sequence
nums | map("string") is sequence
nums | map("string") is iterable
n is iterable
t is iterable
"abc" is lower
"ABC" is upper
"Abc" is lower
5 is lower
"x" is in "xyz"
5 is in [5]
5 is not in [5]
1 is sameas 1
true is sameas true
1 is sameas true
d is sameas d
[] is sameas []
"upper" is filter
"nope" is filter
"odd" is test
"nope" is test
5 is eq 5
5 is ne 5
5 is gt 4
5 is ge 5
5 is lt 4
5 is le 5
5 is lessthan 6
5 is greaterthan 6
5 is equalto 5
5 is == 5
n is nosuch
n | nosuch
1 if no else n is nosuch
n is defined and n is number
n is defined == true
not n is defined
n is defined is true
nums | join(",") | length
(nums | join(",")) | length
-1 | abs
2 ** 2 | string | length
1 + 2 | string
"a" "b" | upper
{"a": 1}.a
[1, 2][0]
(1, 2)[1]
"abc"[1]
(n)
((n))
(1 + 2) * 3
1 + 2 * 3
1 - 2 - 3
2 * 3 % 4
"a" ~ 1 + 2
not 1 == 2
nums.index(1)
nums.index(9)
nums.count(1)
nums.append(4)
nums.copy()
(1, 2, 1).count(1)
(5).bit_length()
5.5.is_integer()
(5).real
true.real
[1,2,]
{"a": 1,}
(1,2,)
[,]
{"a"}
f(
n.
n[
n | 
"abc
1 +
n n
{{ n }}
a b
n if
n is
true.x
nums[1:2:3]
messages[-1].content[0].text
messages[1].content | trim
messages[4].content.split("</think>")[-1].lstrip("\n")
messages[2].tool_calls[0].function.arguments | tojson
messages[2].tool_calls[0].function.arguments.items() | list
messages | length > 3 and messages[0].role == "system"
loop
self
caller
varargs
'''

TEMPLATES = [
    # white space
    "a\n{% if yes %}\nb\n{% endif %}\nc\n",
    "  {% if yes %}  \n  b  {% endif %}  \nc",
    "x  {%- if yes -%}  y  {%- endif -%}  z",
    "x  {%+ if yes %}y{% endif +%}\nz",
    "x {{- n -}} y",
    "x {{ n }}\ny\n",
    "x\n\n{{ n }}\n\n",
    "  {{ n }}",
    "  {# c #}\n  y",
    "x {#- c -#} y",
    "x\n  {#+ c +#}\n y",
    "{# a {{ b }} #}c{# d\n #}\ne",
    "a {% raw %} {{ n }} {% endraw %} b",
    "a {%- raw -%} {{ n }} {%- endraw -%} b",
    "a\n  {% raw %}\n{{ n }}\n  {% endraw %}\nb",
    "{% raw %}{% if %}{% endraw %}",
    "\r\na\r\n{% if yes %}\r\nb{% endif %}\rc",
    "a\n\t{% set x = 1 %}\n\t{{ x }}\n",
    "a\u00a0\n\u3000{% set x = 1 %}b",
    "{{ n }}{%- if yes %}\n\n x{% endif %}",
    "{{ '{{' }}{{ \"%}\" }}{% set x = '%}' %}{{ x }}",
    "{{ {'a': {'b': 1}} }}",
    "{{ {'a': {'b': 1}}['a']}}",
    "{",
    "{ {",
    "%}",
    "}} #}",
    "{{",
    "{%",
    "{#",
    "{# x",
    "{% raw %}",
    "{% raw %}x",
    "{{ n",
    "{{ n }",
    "{% if yes %}",
    "{% endif %}",
    "{% if yes %}{% endfor %}",
    "{% nosuch %}",
    "{% if %}x{% endif %}",
    "{{ }}",
    "{% %}",
    "",
    "\n",
    "\n\n",
    "é{{ '東' }}\n",
    "{%if yes%}a{%else%}b{%endif%}",
    "{% if yes -%}\n  a\n{%- else -%}\n b{% endif %}",
    # if
    "{% if no %}a{% elif n == 7 %}b{% elif yes %}c{% else %}d{% endif %}",
    "{% if e %}1{% endif %}{% if items %}2{% endif %}{% if d %}3{% endif %}{% if undefined %}4{% endif %}{% if 0.0 %}5{% endif %}",
    "{% if no %}{{ n | nosuch }}{% endif %}x",
    "{% if yes %}{{ n | nosuch }}{% endif %}x",
    "{% if no %}{% for i in nums %}{{ n | nosuch }}{% endfor %}{% endif %}x",
    "{{ (n | nosuch) if no else 'x' }}",
    "{% if 1, 2 %}t{% endif %}",
    # for
    "{% for i in nums %}{{ i }}{% endfor %}",
    "{% for i in nums %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}|{% endfor %}",
    "{% for i in nums %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{% endfor %}",
    "{% for i in nums %}{{ loop.previtem is defined }}{{ loop.cycle('a', 'b') }}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}",
    "{% for i in [1, 1, 2, 2, 1] %}{{ loop.changed(i) }}{% endfor %}",
    "{% for i in items %}x{% else %}none{% endfor %}",
    "{% for i in nums %}x{% else %}none{% endfor %}",
    "{% for i in nums %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in nums %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in nums %}{% continue %}{% else %}else{% endfor %}",
    "{% for i in nums %}{% break %}{% else %}else{% endfor %}",
    "{% for i in nums %}a{% break %}{% endfor %}b",
    "{% for i in nums %}{% for j in nums %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% break %}",
    "{% for i in nums %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}",
    "{% for i in nums %}{% set x %}a{% break %}{% endset %}{% endfor %}b",
    "{% for i in nums %}{% filter upper %}a{% continue %}{% endfilter %}{% endfor %}b",
    "{% for i in nums if i > 1 %}{{ i }}{{ loop.index }}{{ loop.length }}{% endfor %}",
    "{% for i in nums if i > 5 %}{{ i }}{% else %}none{% endfor %}",
    "{% for i in nums if loop.first %}{{ i }}{% endfor %}",
    "{% set ns = namespace(k=1) %}{% for i in nums if i > ns.k %}{{ i }}{% set ns.k = 2 %}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | items %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d %}{{ k }}{% endfor %}",
    "{% for a, b in pairs %}{{ a }}{{ b }}{% endfor %}",
    "{% for a, b in ['xy', 'zw'] %}{{ a }}-{{ b }} {% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}x{% endfor %}",
    "{% for a, b in [(1,)] %}x{% endfor %}",
    "{% for a, b in [1] %}x{% endfor %}",
    "{% for i in n %}x{% endfor %}",
    "{% for i in nothing %}x{% endfor %}",
    "{% for i in undefined %}x{% else %}e{% endfor %}",
    "{% for c in 'añ東' %}{{ c }}|{% endfor %}",
    "{% for i in 1, 2, 3 %}{{ i }}{% endfor %}",
    "{% for i in nums | reverse %}{{ i }}{{ loop.last }}{% endfor %}",
    "{% for i in nums | map('string') %}{{ loop.length }}{{ i }}{{ loop.revindex }}{% endfor %}",
    "{% for x in [1, [2, [3, 4]], 5] recursive %}{% if x is number %}{{ x }}{% else %}({{ loop(x) }}:{{ loop.depth }}){% endif %}{% endfor %}",
    "{% for x in items recursive %}x{% else %}none{% endfor %}",
    "{% for i in nums %}{{ loop(nums) }}{% endfor %}",
    "{% for i in nums %}{{ loop }}{% endfor %}",
    "{% for loop in nums %}x{% endfor %}",
    "{% for i in nums %}{% set loop = 1 %}{% endfor %}",
    "{% for i in nums %}{% for j in 'ab' %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
    "{% for i in nums %}{% set outer = loop %}{% for j in 'ab' %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% for i in range(3) %}{{ i }}{% endfor %}{{ i }}",
    "{% for n in nums %}{{ n }}{% endfor %}{{ n }}",
    "{% for true in nums %}x{% endfor %}",
    "{% for i in nums recursive if i %}x{% endfor %}",
    "{% for i.x in nums %}{% endfor %}",
    "{% for ns.x in nums %}{% endfor %}",
    # set and scopes
    "{% set x = 1 %}{{ x }}",
    "{% set x, y = 1, 2 %}{{ x }}{{ y }}",
    "{% set x, y = [1] %}",
    "{% set x = y = 1 %}",
    "{% set 1 = 2 %}",
    "{% set none = 2 %}",
    "{% set x.y = 2 %}",
    "{% set d.y = 2 %}",
    "{% set x %}a{{ n }}b{% endset %}[{{ x }}]",
    "{% set x | upper | trim %} ab {% endset %}[{{ x }}]",
    "{% set x %}{% endset %}{{ x is string }}{{ x | length }}",
    "{% set x = 1 %}{% for i in nums %}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 1 %}{% for i in nums %}{{ x }}{% set x = i %}{% endfor %}{{ x }}",
    "{% for i in nums %}{{ y }}{% set y = i %}{{ y }}{% endfor %}{{ y }}",
    "{% for i in nums %}{% if i == 3 %}{% set n = i %}{% endif %}{{ n }}{% endfor %}{{ n }}",
    "{% if yes %}{% set x = 1 %}{% endif %}{{ x }}",
    "{% if no %}{% set n = 1 %}{% endif %}{{ n }}",
    "{% if no %}{% set n = 1 %}{% else %}{% set n = 2 %}{% endif %}{{ n }}",
    "{{ n }}{% set n = 1 %}{{ n }}",
    "{% set ns = namespace(x=1, l=[]) %}{% for i in nums %}{% set ns.x = ns.x + i %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.x }}{{ ns.l }}",
    "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns }}",
    "{% set ns = namespace() %}{% set ns._a = 1 %}",
    "{% set ns = namespace() %}{% set ns.x %}abc{% endset %}{{ ns.x }}",
    "{% set x = namespace %}{{ x(a=1).a }}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z }}",
    "{% with n = n + 1 %}{{ n }}{% endwith %}{{ n }}",
    "{% macro f() %}{{ x }}{% endmacro %}{{ f() }}{% set x = 1 %}{{ f() }}",
    "{% macro f() %}{{ n }}{% endmacro %}{{ f() }}{% set n = 1 %}{{ f() }}",
    "{% for i in nums %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}",
    "{% set fs = namespace(f=none) %}{% for i in nums %}{% macro f() %}{{ i }}{% endmacro %}{% if loop.first %}{% set fs.f = f %}{% endif %}{{ fs.f() }}{% endfor %}",
    # macros
    "{% macro f(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, c=3) }}|{{ f(b=1, a=0) }}",
    "{% macro f(a) %}[{{ a }}{{ a is defined }}]{% endmacro %}{{ f() }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}",
    "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}",
    "{% macro f() %}{{ varargs | length }}{% endmacro %}{{ f(*nums) }}",
    "{% macro f(a=1, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f() }}{{ f(5) }}",
    "{% macro f(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ f() }}",
    "{% macro f(a=1, b) %}{% endmacro %}",
    "{% macro f(a, a) %}{% endmacro %}",
    "{% macro f(**k) %}{% endmacro %}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro f() %}{{ n }}{% set n = 1 %}{{ n }}{% endmacro %}{{ f() }}{{ n }}",
    "{% macro f(d) %}{% for k, v in d.items() %}{% if v is mapping %}{{ k }}({{ f(v) }}){% else %}{{ k }}={{ v }} {% endif %}{% endfor %}{% endmacro %}{{ f({'a': 1, 'b': {'c': 2}}) }}",
    "{% macro f(x) %} {{ x }} {% endmacro %}[{{ f('a') | trim }}]{{ f(1) is string }}{{ f }}{{ f.name }}{{ f.arguments }}{{ f.catch_kwargs }}{{ f.caller }}",
    "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}body{% endcall %}",
    "{% macro f() %}<{{ caller(1, 2) }}>{% endmacro %}{% call(a, b=5) f() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro f() %}<{{ caller() }}>{% endmacro %}{{ f() }}",
    "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}{% call f() %}{% endcall %}",
    "{% macro f(caller=none) %}{{ caller }}{{ caller() if caller }}{% endmacro %}{{ f() }}{% call f() %}x{% endcall %}",
    "{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}",
    "{% call n %}x{% endcall %}",
    "{% for i in nums %}{% macro g() %}{{ caller() }}{% endmacro %}{% call g() %}{{ i }}{{ loop.index }}{% endcall %}{% endfor %}",
    "{% macro true() %}{% endmacro %}",
    "{% macro f() %}{% macro g() %}in{% endmacro %}{{ g() }}{% endmacro %}{{ f() }}{{ g is defined }}",
    "{% macro _p() %}x{% endmacro %}{{ _p() }}",
    "{{ f() }}{% macro f() %}x{% endmacro %}",
    "{{ f is defined }}{% macro f() %}x{% endmacro %}{{ f is defined }}",
    "{% macro f(x) %}{{ x }}{% endmacro %}{{ f(**{'x': 1}) }}{{ f(*[2]) }}",
    "{% macro f(x) %}{{ x }}{% endmacro %}{{ f(1, **{'x': 1}) }}",
    "{% macro f(x, y) %}{{ x }}{{ y }}{% endmacro %}{{ f(y=1, x=2,) }}{{ f(x=1, 2) }}",
    # filter blocks, print, generation, blocks
    "{% filter upper %}abc{{ t }}{% endfilter %}",
    "{% filter replace('a', 'b') | upper %}aaa{% endfilter %}",
    "{% filter nosuch %}x{% endfilter %}",
    "{% print n %}{% print n, t %}{% print %}",
    "{% generation %}a{{ n }}{% endgeneration %}b",
    "{% generation %}{% set n = 1 %}{{ n }}{% endgeneration %}{{ n }}",
    "{%- generation -%} a {%- endgeneration -%} b",
    "{% for i in nums %}{% generation %}{{ i }}{{ loop.index }}{% endgeneration %}{% endfor %}",
    "{% for i in nums %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
    "{% generation %}a",
    "{% block a %}x{{ n }}{% endblock %}y",
    "{% set n = 1 %}{% block a %}{{ n }}{% endblock %}",
    "{% for i in nums %}{% block a %}[{{ i }}]{% endblock %}{% endfor %}",
    "{% for i in nums %}{% block a scoped %}[{{ i }}]{% endblock %}{% endfor %}",
    "{% block a %}x{% endblock a %}{{ self.a() }}",
    "{% block a %}x{% endblock %}{% block a %}y{% endblock %}",
    "{% block a %}{{ super() }}{% endblock %}",
    "{% autoescape false %}{{ '<' }}{% set q = 1 %}{% endautoescape %}{{ q }}",
    "{% include 'x' %}",
    "{% if no %}{% include 'x' %}{% endif %}ok",
    "{% extends 'x' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% do nums.append(1) %}",
    "{% trans %}x{% endtrans %}",
    # sandbox
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.append(1) }}",
    "{{ d.update({'a': 1}) }}",
    "{% set _ = nums.pop() %}{{ nums }}",
    "{{ range.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    # objects
    "{% set c = cycler('a', 'b', 'c') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}",
    "{% set j = joiner(', ') %}{% for i in nums %}{{ j() }}{{ i }}{% endfor %}",
    "{% set it = nums | map('string') %}{{ it | list }}{{ it | list }}",
    "{% set it = nums | select('odd') %}{{ it | first }}{{ it | list }}",
    "{% set it = nums | map('nosuch') %}ok",
    "{% set it = nums | map('string') %}{{ it | length }}",
    "{% set it = nums | map('string') %}{{ it[0] }}|{{ it | last }}",
    "{{ '1' in (nums | map('string')) }}{{ (nums | map('string')) == [] }}",
    "{{ (nums | map('string')) and 'true' }}",
    "{{ dict(messages[0], content='new') }}{{ messages[0].content }}",
    "{{ {'a': 1, 'a': 2, 1: 'x', true: 'y', 1.0: 'z'} }}",
    "{{ {[]: 1} }}",
    "{{ raise_exception('Conversation roles must alternate') }}",
    "{% if not messages %}{{ raise_exception('x') }}{% endif %}fine",
    # shapes of chat templates
    "{{ bos_token }}{% for m in messages %}{% if m.content is string %}<|{{ m.role }}|>\n{{ m.content | trim }}{{ eos_token }}\n{% else %}{% for c in m.content %}{% if c.type == 'text' %}{{ c.text }}{% else %}<{{ c['type'] }}>{% endif %}{% endfor %}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    "{%- if tools %}x{%- else %}\n    {%- if messages[0].role == 'system' %}\n        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}\n    {%- endif %}\n{%- endif %}",
    "{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}\n{%- for message in messages[::-1] %}\n    {%- set index = (messages|length - 1) - loop.index0 %}\n    {%- if ns.multi_step_tool and message.role == \"user\" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}\n        {%- set ns.multi_step_tool = false %}\n        {%- set ns.last_query_index = index %}\n    {%- endif %}\n{%- endfor %}{{ ns.last_query_index }}",
    "{% for m in messages %}{% if m.tool_calls is defined and m.tool_calls %}{% for tc in m.tool_calls %}{{ '{\"name\": \"' }}{{ tc.function.name }}{{ '\", \"arguments\": ' }}{{ tc.function.arguments | tojson }}{{ '}' }}{% endfor %}{% endif %}{% endfor %}",
    "{% macro render(c) %}{% if c is string %}{{ c }}{% else %}{% for p in c if p.type == 'text' %}{{ p.text }}{% endfor %}{% endif %}{% endmacro %}{% for m in messages %}{{ m.role }}:{{ render(m.content) | trim }}\n{% endfor %}",
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}",
    "{% set date = strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2024' %}Today: {{ date }}",
    "{{ '%s: %s\\n' % (messages[0].role, messages[0].content) }}",
    "{% for m in messages | selectattr('role', 'ne', 'system') %}{{ loop.index }}{{ m.role }} {% endfor %}",
]


def main():
    cases = []
    for e in EXPRESSIONS.strip("\n").split("\n"):
        cases.append("{{ " + e + " }}")
    cases += TEMPLATES
    out = []
    for t in dict.fromkeys(cases):
        result = render(t, json.loads(json.dumps(VARIABLES)))
        if " at 0x" in result.get("want", ""):  # an address: another text each time
            result = {"unsupported": True}
        out.append({"template": t, **result})
    json.dump({"variables": VARIABLES, "cases": out}, sys.stdout, ensure_ascii=False, indent=0)
    print()


main()
