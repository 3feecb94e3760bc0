package grammar

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// letters is a vocabulary of pieces of texts as those of models: characters, words, JSON, bytes of characters.
func letters() *Vocabulary {
	v := &Vocabulary{begin: make([]int32, 1), ends: []int{0}}
	add := func(s string) {
		v.text = append(v.text, s...)
		v.begin = append(v.begin, int32(len(v.text)))
	}
	add("")
	for c := range 256 {
		add(string([]byte{byte(c)}))
	}
	for _, s := range []string{"the", " the", "then", "é", "日本", `{"`, `":`, `": "`, `",`, `"}`, `"}]`, "\n  ", "true", "tr", "ue", "false", "null", "10", "123", "-1", "0.", "e+", "[", "[]", "[[", "]]", `\u`, `\"`, "name", "age", `"name"`, "abc", "aaaa", "a-b"} {
		add(s)
	}
	v.sort()
	return v
}

// accepts tells whether a text, byte by byte, is one of the grammar's, and whether it can become one.
func accepts(t testing.TB, g *Grammar, s string) (whole, begins bool) {
	a := newAutomaton(g)
	at, err := a.start()
	for i := 0; i < len(s) && err == nil; i++ {
		at, err = a.next(at, s[i])
	}
	if err != nil {
		t.Fatal(err)
	}
	return at.ends, at != a.dead
}

func parse(t testing.TB, source string) *Grammar {
	t.Helper()
	g, err := Parse(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return g
}

func TestGBNF(t *testing.T) {
	for _, c := range []struct {
		source   string
		yes, not []string
	}{
		{`root ::= "yes" | "no"`, []string{"yes", "no"}, []string{"", "y", "yesno", "maybe"}},
		{"root ::= a b? # a comment\na ::= [a-c]+ | \"(\" a \")\"\nb ::= [^x\\n]{2,3}", []string{"abc", "((a))", "aéü", "a123"}, []string{"((a)", "a1", "a1234", "axx", "a1\n"}},
		{"root ::= ( \"a\"\n | \"b\" )* \"\\\"\\x41\\u00e9\\U0001F600\"", []string{`"Aé😀`, `abba"Aé😀`}, []string{`c"Aé😀`}},
		{`root ::= .{2}`, []string{"ab", "日本", "é\n"}, []string{"a", "abc", "\xff\xff", "\xc3"}},
		{`root ::= [\]\-^a] [^^]`, []string{"]x", "-]", "^a", "aa"}, []string{"a^", "b"}},
		{"root ::=\n  \"a\" tail\ntail ::= \"b\" tail |", []string{"a", "abbb"}, []string{"", "ba"}},
		{`root ::= "a"{0,2} "b"{2,}`, []string{"bb", "abb", "aabbbb"}, []string{"b", "aaabb"}},
		{"root ::= \"a\" root \"b\" | \"\"", []string{"", "ab", "aaabbb"}, []string{"aab", "ba"}},
	} {
		g := parse(t, c.source)
		for _, s := range c.yes {
			if whole, _ := accepts(t, g, s); !whole {
				t.Errorf("%s: %q is not taken", c.source, s)
			}
		}
		for _, s := range c.not {
			if whole, _ := accepts(t, g, s); whole {
				t.Errorf("%s: %q is taken", c.source, s)
			}
		}
	}
	for source, want := range map[string]error{
		"": ErrSyntax, `a ::= "x"`: ErrSyntax, `root ::= b`: ErrSyntax, `root ::= "x`: ErrSyntax, `root ::= [x`: ErrSyntax, `root ::= (`: ErrSyntax, `root ::= "a" )`: ErrSyntax,
		"root ::= root \"a\" | \"b\"": ErrSyntax, "root ::= a root\na ::= \"x\"?": ErrSyntax, "root ::= \"a\"\nroot ::= \"b\"": ErrSyntax, `root ::= [b-a]`: ErrSyntax,
		`root ::= "\q"`: ErrSyntax, `root ::= "\ud800"`: ErrSyntax, `root ::= "a"{3,2}`: ErrSyntax, `root ::= "a"{`: ErrSyntax, `root = "a"`: ErrSyntax, "root ::= \"\xff\"": ErrSyntax,
		`root ::= "a"{9999}`: ErrLimit, `root ::= ` + strings.Repeat("(", 100): ErrLimit, strings.Repeat(" ", maxText+1): ErrLimit,
		`root ::= ` + strings.Repeat(`"aaaaaaaaaaaaaaa" | `, 10000) + `"a"`: ErrLimit,
	} {
		if _, err := Parse(source); !errors.Is(err, want) {
			t.Errorf("%.60q: %v", source, err)
		}
	}
}

// TestClasses: the bytes of a class are those of its characters.
func TestClasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edge := rapid.SampledFrom([]rune{0, 1, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x3ffff, 0x40000, 0x10ffff})
		point := rapid.OneOf(edge, rapid.Int32Range(0, utf8.MaxRune))
		var ranges []runes
		for range rapid.IntRange(1, 3).Draw(t, "n") {
			a, b := point.Draw(t, "a"), point.Draw(t, "b")
			ranges = append(ranges, runes{min(a, b), max(a, b)})
		}
		b := &builder{}
		root := b.rule()
		b.add(root, b.class(ranges))
		g, err := b.grammar(root)
		if err != nil {
			t.Fatal(err)
		}
		a := newAutomaton(g)
		for range 50 {
			r := point.Draw(t, "r")
			if !utf8.ValidRune(r) {
				continue
			}
			at, err := a.start()
			for _, c := range encoded(r) {
				if err == nil {
					at, err = a.next(at, c)
				}
			}
			if err != nil || at.ends != within(ranges, r) {
				t.Fatalf("%x of %x: %v, %v", r, ranges, at.ends, err)
			}
		}
	})
}

// TestMask: the tokens that are allowed are those whose bytes go on, whatever was asked before.
func TestMask(t *testing.T) {
	v := letters()
	for _, g := range []*Grammar{
		Object(), parse(t, `root ::= "the" (" the" | "n")* [^a-f]{0,3}`), parse(t, "root ::= \"[\" root \"]\" | \"\""), parse(t, `root ::= .*`),
		parse(t, `root ::= [a-z]{1,40} ("-" [a-z]+)*`),
	} {
		random := rand.New(rand.NewPCG(1, 2))
		for range 4 {
			m := g.Match(v)
			var text string
			var drawn []int
			for range 25 {
				logits := make([]float32, v.size())
				if err := m.Adjust(drawn, logits); errors.Is(err, ErrDead) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				var allowed []int
				whole, _ := accepts(t, g, text)
				for id := range v.size() {
					_, begins := accepts(t, g, text+string(v.bytes(int32(id))))
					want := id == 0 && whole || id > 0 && begins
					if got := logits[id] == 0; got != want {
						t.Fatalf("%q, then %q: allowed %v, want %v", text, v.bytes(int32(id)), got, want)
					}
					if want && id > 0 {
						allowed = append(allowed, id)
					}
				}
				if len(allowed) == 0 {
					break
				}
				next := allowed[random.IntN(len(allowed))]
				drawn = append(drawn, next)
				text += string(v.bytes(int32(next)))
			}
		}
	}
}

// write writes a text of a grammar by chance, ending it where it may.
func write(t testing.TB, g *Grammar, v *Vocabulary, random *rand.Rand) (string, bool) {
	m := g.Match(v)
	var text []byte
	var drawn []int
	for n := range 400 {
		logits := make([]float32, v.size())
		if err := m.Adjust(drawn, logits); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if m.Ends() && (n > 100 || random.IntN(3) == 0) {
			return string(text), true
		}
		var allowed []int
		for id, l := range logits {
			if id > 0 && !math.IsInf(float64(l), -1) {
				allowed = append(allowed, id)
			}
		}
		if len(allowed) == 0 {
			return string(text), m.Ends()
		}
		if i := slices.IndexFunc(allowed, func(id int) bool { return strings.ContainsAny(string(v.bytes(int32(id))), `"}]`) }); n > 100 && i >= 0 {
			allowed = allowed[i : i+1] // come to an end
		}
		next := allowed[random.IntN(len(allowed))]
		drawn = append(drawn, next)
		text = append(text, v.bytes(int32(next))...)
	}
	return string(text), false
}

// TestSchema: what is written by a schema is JSON that the schema is true of.
func TestSchema(t *testing.T) {
	v := letters()
	for schema, is := range map[string]func(v any) bool{
		`{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 130}, "tags": {"type": "array", "items": {"enum": ["a", "b\n"]}, "maxItems": 3}}, "required": ["age"], "additionalProperties": false}`: func(v any) bool {
			m, ok := v.(map[string]any)
			age, number := m["age"].(float64)
			_, text := m["name"].(string)
			tags, _ := m["tags"].([]any)
			for _, x := range tags {
				ok = ok && (x == "a" || x == "b\n")
			}
			return ok && number && age >= 0 && age <= 130 && age == math.Trunc(age) && (m["name"] == nil || text) && len(tags) <= 3
		},
		`{"type": "string", "minLength": 2, "maxLength": 4}`: func(v any) bool { s := v.(string); n := utf8.RuneCountInString(s); return n >= 2 && n <= 4 },
		`{"type": ["integer", "null"], "exclusiveMinimum": -13, "exclusiveMaximum": 7}`: func(v any) bool {
			n, ok := v.(float64)
			return v == nil || ok && n > -13 && n < 7 && n == math.Trunc(n)
		},
		`{"$defs": {"tree": {"type": "object", "properties": {"left": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}}, "required": ["left"], "additionalProperties": false}}, "$ref": "#/$defs/tree"}`: func(v any) bool {
			for v != nil {
				m, ok := v.(map[string]any)
				if !ok || len(m) != 1 {
					return false
				}
				v = m["left"]
			}
			return true
		},
		`{"type": "string", "pattern": "^[a-c]+(-\\d{2})?\"$"}`: func(v any) bool { return regexp.MustCompile(`^[a-c]+(-\d{2})?"$`).MatchString(v.(string)) },
		`{"type": "string", "pattern": "(?i)the|\\\\|\\t"}`:     func(v any) bool { return regexp.MustCompile(`(?i)the|\\|\t`).MatchString(v.(string)) },
		`{"type": "string", "format": "date"}`:                  func(v any) bool { return len(v.(string)) == 10 },
		`{"type": "array", "prefixItems": [{"type": "boolean"}, {"const": {"a": [1, "x"]}}], "items": false}`: func(v any) bool {
			list, _ := v.([]any)
			_, ok := list[0].(bool)
			return ok && len(list) == 2 && fmt.Sprint(list[1]) == "map[a:[1 x]]"
		},
		`{"type": "array", "items": {"type": "number"}, "minItems": 1}`:                        func(v any) bool { return len(v.([]any)) > 0 },
		`{"type": "object", "additionalProperties": {"type": "boolean"}}`:                      func(v any) bool { _, ok := v.(map[string]any); return ok },
		`{"properties": {"a": {"const": 1}, "b": {"const": 2}, "c": true}, "required": ["b"]}`: func(v any) bool { return v.(map[string]any)["b"] == 2.0 },
		`{"allOf": [{"oneOf": [{"type": "boolean"}, {"enum": [null, 5]}]}]}`:                   func(v any) bool { return v == nil || v == 5.0 || v == true || v == false },
	} {
		g, err := Schema([]byte(schema))
		if err != nil {
			t.Errorf("%s: %v", schema, err)
			continue
		}
		random := rand.New(rand.NewPCG(3, uint64(len(schema))))
		ended := 0
		for range 60 {
			text, whole := write(t, g, v, random)
			if !whole {
				continue
			}
			ended++
			var value any
			if err := json.Unmarshal([]byte(text), &value); err != nil || !is(value) {
				t.Errorf("%s: %q, %v", schema, text, err)
			}
		}
		if ended == 0 {
			t.Errorf("%s: no text ends", schema)
		}
	}
}

// TestIntegers: ranges of integers hold exactly those.
func TestIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Int64Range(-12000, 12000).Draw(t, "lo")
		hi := rapid.Int64Range(lo, lo+rapid.SampledFrom([]int64{0, 9, 500, 30000}).Draw(t, "width")).Draw(t, "hi")
		g, err := Schema(fmt.Appendf(nil, `{"type": "integer", "minimum": %d, "maximum": %d}`, lo, hi))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int64{lo, hi, lo - 1, hi + 1, 0, rapid.Int64Range(-50000, 50000).Draw(t, "n")} {
			a := newAutomaton(g)
			at, err := a.start()
			for _, c := range []byte(fmt.Sprint(n)) {
				if err == nil {
					at, err = a.next(at, c)
				}
			}
			if err != nil || at.ends != (lo <= n && n <= hi) {
				t.Fatalf("%d of %d..%d: %v, %v", n, lo, hi, at.ends, err)
			}
		}
	})
}

// TestEnums: thousands of values hold exactly those, one that another begins with as well.
func TestEnums(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	var values []string
	for len(values) < 2500 {
		word := make([]rune, 1+random.IntN(6))
		for i := range word {
			word[i] = []rune("abé")[random.IntN(3)]
		}
		values = append(values, string(word))
	}
	schema, err := json.Marshal(map[string]any{"enum": values})
	if err != nil {
		t.Fatal(err)
	}
	g, err := Schema(schema)
	if err != nil {
		t.Fatal(err)
	}
	for i, value := range values[:500] {
		for _, word := range []string{value, value + "a", value[:i%(len(value)+1)]} {
			text := `"` + word + `"`
			if whole, _ := accepts(t, g, text); whole != slices.Contains(values, word) {
				t.Fatalf("%s: %v", text, whole)
			}
		}
	}
	if whole, _ := accepts(t, mustSchema(t, `{"enum": [12, 1, 1, "1", null]}`), "1"); !whole {
		t.Error("1 is none of them")
	}
}

func mustSchema(t *testing.T, schema string) *Grammar {
	t.Helper()
	g, err := Schema([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestJSON: the grammar of any object takes what a JSON parser takes, but for white space, long numbers and halves of surrogate pairs.
func TestJSON(t *testing.T) {
	g := Object()
	for s, want := range map[string]bool{
		`{}`: true, `{ }`: true, `{"a": 1}`: true, `{"a":[1,2,{"b":null}],"c":"x\n\u00e9\ud83d\ude00é"}`: true, "{\n  \"a\": -0.5e-3,\n  \"b\": [true, false]\n}": true,
		`[]`: false, `{"a"}`: false, `{"a":1,}`: false, `{"a":01}`: false, `{"a":"\ud83d"}`: false, `{"a":"\x"}`: false, "{\"a\":\"\n\"}": false, `{"a":1}}`: false, `{"a":+1}`: false, `{"a":.5}`: false,
	} {
		if whole, _ := accepts(t, g, s); whole != want {
			t.Errorf("%s: %v", s, whole)
		}
		if want != json.Valid([]byte(s)) && s != `{"a":"\ud83d"}` && s != `[]` {
			t.Errorf("%s: encoding/json disagrees", s)
		}
	}
}

// TestSchemaRefuses: what a schema says that is not done is named.
func TestSchemaRefuses(t *testing.T) {
	deep := strings.Repeat(`{"items": `, 100) + "true" + strings.Repeat("}", 100)
	var many strings.Builder
	many.WriteString(`{"$defs": {`)
	for i := range 600 {
		fmt.Fprintf(&many, `"d%d": {"items": {"$ref": "#/$defs/d%d"}}, `, i, i+1)
	}
	many.WriteString(`"d600": true}, "$ref": "#/$defs/d0"}`)
	for schema, want := range map[string]error{
		``: ErrSyntax, `[]`: ErrSyntax, `{"type": "text"}`: ErrSyntax, `{"type": 5}`: ErrSyntax, `{"type": []}`: ErrSyntax, `{"enum": []}`: ErrSyntax, `{"$ref": "#/none"}`: ErrSyntax, `{"$ref": "#"}`: ErrSyntax,
		`{"type": "string", "pattern": "("}`: ErrSyntax, `{"type": "integer", "minimum": 5, "maximum": 4}`: ErrSyntax, `{"minItems": 3, "maxItems": 2}`: ErrSyntax, `false`: ErrSyntax,
		`{"not": {}}`: ErrUnsupported, `{"multipleOf": 2}`: ErrUnsupported, `{"type": "number", "minimum": 0}`: ErrUnsupported, `{"$ref": "http://example.com/"}`: ErrUnsupported,
		`{"type": "string", "format": "email"}`: ErrUnsupported, `{"type": "string", "pattern": "a\\bb"}`: ErrUnsupported, `{"uniqueItems": true, "type": "array"}`: ErrUnsupported,
		`{"allOf": [{}, {}]}`: ErrUnsupported, `{"properties": {"a": true}, "additionalProperties": true}`: ErrUnsupported, `{"required": ["a"]}`: ErrUnsupported,
		`{"type": "string", "minLength": 5000}`: ErrLimit, deep: ErrLimit, many.String(): ErrLimit, `{"title": "` + strings.Repeat("x", maxSchema) + `"}`: ErrLimit,
		`{"type": "array", "minItems": 4000, "items": {"type": "string", "minLength": 4000}}`: nil,
	} {
		if _, err := Schema([]byte(schema)); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%.80s: %v", schema, err)
		}
	}
}

// TestObjects: of a schema what is no object is left out, or refused by name; what Schema refuses stays.
func TestObjects(t *testing.T) {
	v := letters()
	for schema, want := range map[string]string{
		`{}`: `{"type": "object"}`, `{"title": "x"}`: `{"title": "x", "type": "object"}`, `{"items": {"type": "string"}}`: `{"items": {"type": "string"}, "type": "object"}`,
		`{"type": ["null", "object"]}`: `{"type": "object"}`, `{"anyOf": [true, {"type": "object"}]}`: `{"anyOf": [{"type": "object"}, {"type": "object"}]}`,
		`{"properties": {}}`: `{"properties": {}, "type": "object"}`, `{"properties": {}, "anyOf": [{}]}`: `{"properties": {}, "anyOf": [{"type": "object"}]}`, `{"anyOf": null}`: `{"anyOf": null, "type": "object"}`, `{"$ref": ""}`: `{"$ref": "", "type": "object"}`, `{"properties": null}`: `{"properties": null, "type": "object"}`, `{"anyOf": [{"const": {"a": 1}}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"properties": {"b": true}}}}`: "",
		`{"type": "object"}`: "", `{"type": ["object"]}`: "", `{"properties": {"a": {"type": "string"}}}`: "", `{"required": []}`: "", `{"enum": [{}]}`: "", `{"$ref": "#"}`: "", `{"$ref": "#/none"}`: "", `{"type": 5}`: "",
		`{"type": "object", "anyOf": [{"required": ["a"]}, {"type": "null"}]}`: "", `5`: "", `{"enum": 5}`: "", `{"anyOf": {}}`: "",
		`{"type": "string"}`: "type \"string\"", `{"type": ["null", "array"]}`: "type", `{"const": 5}`: "const has 5", `{"type": "object", "enum": [{}, []]}`: "enum has []", `{"oneOf": [{"type": "object"}, {"type": "integer"}]}`: "type \"integer\"",
		`{"type": "object", "$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}`: "$ref \"#/$defs/a\": type", `{"$ref": "#/$defs/a", "$defs": {"a": {"title": "x"}}}`: "not said to be",
		`{"allOf": [{"anyOf": [{"enum": [null]}]}]}`: "enum has null",
	} {
		got, err := Objects([]byte(schema))
		switch {
		case err != nil:
			if want == "" || !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", schema, err, want)
			}
			continue
		case string(got) != cmp.Or(want, schema):
			t.Errorf("%s: %s, want %q", schema, got, want)
			continue
		}
		g, err := Schema(got)
		if err != nil {
			continue
		}
		random := rand.New(rand.NewPCG(5, 6))
		for range 5 {
			text, whole := write(t, g, v, random)
			var object map[string]any
			if err := json.Unmarshal([]byte(text), &object); whole && (err != nil || object == nil) {
				t.Errorf("%s: %q, %v", schema, text, err)
			}
		}
	}
	var many strings.Builder // each of its references leads to all
	for i := range 100 {
		fmt.Fprintf(&many, `{"$ref": "#/anyOf/%d"}, {"$ref": "#"}, `, 2*i)
	}
	for _, schema := range []string{`{"anyOf": [` + many.String() + `true]}`, strings.Repeat(`{"anyOf": [`, 70) + "true" + strings.Repeat("]}", 70)} {
		if _, err := Objects([]byte(schema)); !errors.Is(err, ErrLimit) {
			t.Errorf("%.40s: %v", schema, err)
		}
	}
}

// TestHostile: matching that would take too much ends with ErrLimit, soon.
func TestHostile(t *testing.T) {
	v := letters()
	for _, source := range []string{
		"root ::= a a a a a a a a a a a a\na ::= b*\nb ::= c*\nc ::= \"a\"? d\nd ::= \"b\"? [ab]",
		"root ::= \"(\" root \")\" root | \"a\" root \"b\" | \"\"",
		`root ::= (("a"{4000}){4000}){4000}`,
		"root ::= (.*) (.*) (.*) (.*) (.*) \"x\"",
		"root ::= x{4000}\nx ::= y{4000}\ny ::= [a-z]? [a-z]? [a-z]? z?\nz ::= \"z\" x",
	} {
		g, err := Parse(source)
		if err != nil {
			if !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrLimit) {
				t.Errorf("%s: %v", source, err)
			}
			continue
		}
		m := g.Match(v)
		random := rand.New(rand.NewPCG(7, 8))
		var drawn []int
		for range 3000 {
			logits := make([]float32, v.size())
			if err := m.Adjust(drawn, logits); err != nil {
				if !errors.Is(err, ErrLimit) && !errors.Is(err, ErrDead) {
					t.Errorf("%s: %v", source, err)
				}
				break
			}
			var allowed []int
			for id, l := range logits {
				if id > 0 && l == 0 {
					allowed = append(allowed, id)
				}
			}
			if len(allowed) == 0 {
				break
			}
			drawn = append(drawn, allowed[random.IntN(len(allowed))])
		}
	}
}

// TestSharedStates: texts of one grammar that go on side by side, and after it has forgotten, are told what each is told alone.
func TestSharedStates(t *testing.T) {
	v := letters()
	source := `root ::= "[" (item ("," item)*)? "]"
item ::= [a-z]{1,6} | root`
	shared := parse(t, source)
	random := rand.New(rand.NewPCG(3, 4))
	var alone, together [3]*Matcher
	var drawn [3][]int
	for i := range alone {
		alone[i], together[i] = parse(t, source).Match(v), shared.Match(v)
	}
	for step := range 60 {
		for i := range alone {
			want, got := make([]float32, v.size()), make([]float32, v.size())
			wantErr, gotErr := alone[i].Adjust(drawn[i], want), together[i].Adjust(drawn[i], got)
			if !slices.Equal(want, got) || (wantErr == nil) != (gotErr == nil) {
				t.Fatalf("step %d, text %d: %v, %v", step, i, gotErr, wantErr)
			}
			var allowed []int
			for id, l := range got {
				if id > 0 && l == 0 {
					allowed = append(allowed, id)
				}
			}
			if len(allowed) > 0 {
				drawn[i] = append(drawn[i], allowed[random.IntN(len(allowed))])
			}
		}
		if step%7 == 0 {
			shared.automaton().forget()
		}
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			m := shared.Match(v)
			for n := range drawn[0] {
				if err := m.Adjust(drawn[0][:n], make([]float32, v.size())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}

// TestFullAutomaton: a text whose grammar has no more room for states, or places in rules, as other texts have left it, is told what it is told alone; and
// a text that needs too much by itself fails.
func TestFullAutomaton(t *testing.T) {
	v := letters()
	const source = `root ::= "[" (item ("," item)*)? "]"
item ::= [a-z]{1,6} | root`
	alone, shared := parse(t, source).Match(v), parse(t, source)
	together := shared.Match(v)
	var drawn []int
	for step, c := range "[ab,[c],[[d]]]" {
		a := shared.automaton()
		if step%2 == 0 {
			for i := 0; len(a.states) < maxStates; i++ {
				a.states[fmt.Sprintf("another's %d", i)] = &state{}
			}
		} else {
			for i := uint64(0); len(a.frames) < maxFrames; i++ {
				a.frames[[2]uint64{1 << 40, i}] = &frame{}
			}
		}
		want, got := make([]float32, v.size()), make([]float32, v.size())
		if err := alone.Adjust(drawn, want); err != nil {
			t.Fatal(err)
		}
		if err := together.Adjust(drawn, got); err != nil || !slices.Equal(want, got) {
			t.Fatalf("token %d: %v", step, err)
		}
		for id := range v.size() {
			if string(v.bytes(int32(id))) == string(c) {
				drawn = append(drawn, id)
			}
		}
	}
	g := parse(t, "root ::= x{3000}\nx ::= [a-z]? [a-z]? [a-z]?")
	if err := g.Match(v).Adjust(nil, make([]float32, v.size())); !errors.Is(err, ErrLimit) {
		t.Errorf("%v", err)
	}
}

// BenchmarkMask excludes tokens of a vocabulary of 128 k: with the first token of a grammar, in a state seen before, and in one new to a text, seen by another.
func BenchmarkMask(b *testing.B) {
	v := &Vocabulary{begin: make([]int32, 1), ends: []int{0}}
	random := rand.New(rand.NewPCG(1, 2))
	for id := range 1 << 17 {
		if id > 0 {
			n := 1 + random.IntN(10)
			if id%2 == 0 {
				v.text = append(v.text, ' ')
			}
			for range n {
				v.text = append(v.text, "etaoinshrdlucmfwypvbgkjqxz\"{}[]:,0123456789"[min(random.IntN(43), random.IntN(43))])
			}
		}
		v.begin = append(v.begin, int32(len(v.text)))
	}
	v.sort()
	schema := []byte(`{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}, "required": ["name", "age", "tags"]}`)
	g, err := Schema(schema)
	if err != nil {
		b.Fatal(err)
	}
	logits := make([]float32, v.size())
	for name, begin := range map[string]int{"again": 0, "new": 1, "first": 2} {
		b.Run(name, func(b *testing.B) {
			m := g.Match(v)
			for b.Loop() {
				if begin > 0 {
					if begin == 2 {
						g, _ = Schema(schema)
					}
					m = g.Match(v)
					for _, c := range []byte(`{"name": "`) {
						m.at, _ = m.a.next(m.at, c)
					}
				}
				if err := m.Adjust(nil, logits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzParse: no grammar and no schema stops the program.
func FuzzParse(f *testing.F) {
	f.Add(`root ::= "a" [b-c]* (d | .)`, `ab`)
	f.Add(`{"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}}`, `{"a": 3}`)
	f.Add(`{"type": "string", "pattern": "^a+$"}`, `"aa"`)
	f.Fuzz(func(t *testing.T, source, text string) {
		gbnf, err1 := Parse(source)
		schema, err2 := Schema([]byte(source))
		for _, g := range []*Grammar{gbnf, schema} {
			if g == nil {
				continue
			}
			a := newAutomaton(g)
			at, err := a.start()
			for i := 0; i < len(text) && err == nil; i++ {
				at, err = a.next(at, text[i])
			}
			if err == nil && g == schema && at.ends && !json.Valid([]byte(text)) {
				t.Errorf("%s takes %q", source, text)
			}
		}
		for _, err := range []error{err1, err2} {
			if err != nil && !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrLimit) && !errors.Is(err, ErrUnsupported) {
				t.Errorf("%v has no kind", err)
			}
		}
	})
}
