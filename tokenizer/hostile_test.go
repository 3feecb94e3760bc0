package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// hostileFiles are tokenizers that ask for years of work or all memory, by name.
func hostileFiles() map[string]string {
	all := map[string]string{}
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	with := func(key, value string) string {
		return strings.Replace(tiny, `{"added`, `{"`+key+`":`+value+`,"added`, 1)
	}
	sequence := func(list string, parts ...string) string {
		return `{"type":"Sequence",` + quote(list) + `:[` + strings.Join(parts, ",") + `]}`
	}
	for _, expr := range []string{
		`(a+)+$`, `(a|aa)+$`, `(a|a)*b`, `(a*)*b`, `((a*)*)*b`, `(a|b|ab)*c`, `(.*)*\z\A`, `(?:a?){500}a{500}`, `(x+x+)+y`, `(a+a+)+b`, `(?:(?:a|b)*)*c`,
		`^(([a-z])+.)+[A-Z]([a-z])+$`, `a*a*a*a*a*a*a*a*b`, `(?=(a+)+$)b`, `(?!(a|aa)+$)a`, `(?>a*)*b`, `(?:a*?)*?b`, `(?<=a|aa|aaa)(a|aa)+b`,
		`()*`, `(|a)*b`, `(a||b)*c`, `\b*`, `(?:^)*`, `(?:a{0,2}){0,500}b`, `((((a?)+)+)+)+b`, `(a++)++b`, `(?i)(ſ|s)+k$`, `(\p{L}+\s?)+!`,
	} {
		for where, text := range map[string]string{
			"Split":   with("pre_tokenizer", `{"type":"Split","pattern":{"Regex":`+quote(expr)+`},"behavior":"Isolated"}`),
			"Replace": with("normalizer", `{"type":"Replace","pattern":{"Regex":`+quote(expr)+`},"content":"aaaa"}`),
		} {
			all[where+" "+expr] = text
		}
	}
	for name, expr := range map[string]string{
		"repetitions": `(((a{1000}){1000}){1000}){1000}`, "nothing often": `((((){1000}){1000}){1000}){1000}`, "groups": strings.Repeat("(", 5000) + strings.Repeat(")", 5000),
		"brackets": strings.Repeat("[", 5000), "long": strings.Repeat("a?", 50000), "longer": strings.Repeat("x", 1<<20), "quantifiers": "a" + strings.Repeat("*", 5000), "alternatives": strings.Repeat("a|", 50000),
		"back-reference": `(a+)\1+$`, "recursion": `(?<x>a\g<x>)`, "look-behind": `(?<=a*)b`, "conditional": `(?(1)a|b)`,
	} {
		all["expression of "+name] = with("pre_tokenizer", `{"type":"Split","pattern":{"Regex":`+quote(expr)+`},"behavior":"Isolated"}`)
		all["decoder of "+name] = with("decoder", `{"type":"Replace","pattern":{"Regex":`+quote(expr)+`},"content":"a"}`)
	}
	doubling := slices.Repeat([]string{`{"type":"Replace","pattern":{"String":"a"},"content":"aa"}`}, 40)
	all["normalizer that doubles"] = with("normalizer", sequence("normalizers", doubling...))
	all["decoder that doubles"] = with("decoder", sequence("decoders", doubling...))
	all["normalizer that prepends"] = with("normalizer", sequence("normalizers", slices.Repeat([]string{`{"type":"Prepend","prepend":` + quote(strings.Repeat("x", 1<<16)) + `}`}, 100)...))
	all["replacement of 1 MB"] = with("normalizer", `{"type":"Replace","pattern":{"String":"a"},"content":`+quote(strings.Repeat("b", 1<<20))+`}`)
	all["replacement everywhere"] = with("normalizer", `{"type":"Replace","pattern":{"String":""},"content":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`)
	all["decoder's long text"] = with("decoder", `{"type":"Replace","pattern":{"String":`+quote(strings.Repeat("a", 1<<16))+`},"content":"b"}`)
	all["byte levels"] = with("pre_tokenizer", sequence("pretokenizers", slices.Repeat([]string{`{"type":"ByteLevel"}`}, 60)...))
	all["metaspaces"] = with("pre_tokenizer", sequence("pretokenizers", slices.Repeat([]string{`{"type":"Metaspace","replacement":"𝕊","split":false}`, `{"type":"Metaspace","replacement":"a"}`}, 200)...))
	all["empty pieces"] = with("pre_tokenizer", sequence("pretokenizers", slices.Repeat([]string{`{"type":"Split","pattern":{"Regex":"(?=a)|(?<=a)|"},"behavior":"Isolated"}`}, 300)...))
	all["many components"] = with("normalizer", sequence("normalizers", slices.Repeat([]string{`{"type":"NFKC"}`}, 100000)...))
	for list, part := range map[string]string{"normalizers": "normalizer", "pretokenizers": "pre_tokenizer", "processors": "post_processor", "decoders": "decoder"} {
		for _, depth := range []int{20, 3000} {
			all[fmt.Sprint(part, " nested ", depth)] = with(part, strings.Repeat(`{"type":"Sequence","`+list+`":[`, depth)+strings.Repeat(`]}`, depth))
		}
	}
	all["JSON nested"] = with("other", strings.Repeat("[", 9000)+strings.Repeat("]", 9000))
	double := `{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}},{"Sequence":{"id":"A"}}],"special_tokens":{}}`
	all["template that doubles"] = with("post_processor", sequence("processors", slices.Repeat([]string{double}, 60)...))
	all["template of many"] = with("post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}},{"Sequence":{"id":"A"}}],"special_tokens":{"x":{"ids":[0`+strings.Repeat(",0", 1<<20)+`]}}}`)
	for _, id := range []string{"2147483648", "2147483647", "16777215", "-1", "1e300", "99999999999999999999"} {
		all["id "+id] = strings.Replace(tiny, `"ab":2`, `"ab":`+id, 1)
	}
	var prefixes strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&prefixes, `,{"id":%d,"content":%s,"lstrip":true,"rstrip":true}`, i+4, quote(strings.Repeat("a", i+1)+"b"))
	}
	all["added prefixes"] = strings.Replace(tiny, `"special":true}`, `"special":true}`+prefixes.String(), 1)
	all["added token of 1 MB"] = strings.Replace(tiny, `"special":true}`, `"special":true},{"id":4,"content":`+quote(strings.Repeat("a", 1<<20))+`}`, 1)
	all["added blanks"] = strings.Replace(tiny, `"special":true}`, `"special":true},{"id":4,"content":" ","lstrip":true,"rstrip":true}`, 1)
	unigram := func(rest string) string {
		return `{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0]` + rest + `]}}`
	}
	for _, score := range []string{"NaN", "Infinity", "1e999", "-1e999", "1e308", "-1e308", `"x"`, "null"} {
		all["score "+score] = unigram(`,["a",` + score + `],["aa",` + score + `]`)
	}
	all["long tokens"] = unigram(`,["` + strings.Repeat("a", 1<<20) + `b",-1]`)
	all["no unknown token"] = `{"model":{"type":"Unigram","vocab":[["b",-1]]}}`
	all["no unknown word"] = `{"model":{"type":"WordLevel","unk_token":"x","vocab":{"b":0}}}`
	all["long words"] = `{"model":{"type":"WordPiece","max_input_chars_per_word":1000000000,"unk_token":"b","vocab":{"b":0,"a":1}}}`
	all["word pieces"] = `{"model":{"type":"WordPiece","max_input_chars_per_word":1000,"continuing_subword_prefix":"","unk_token":"b","vocab":{"b":0,"a":1}}}`
	all["long prefix"] = `{"model":{"type":"BPE","continuing_subword_prefix":"` + strings.Repeat("a", 1<<20) + `","vocab":{"a":0},"merges":[]}}`
	all["merges in a circle"] = `{"model":{"type":"BPE","continuing_subword_prefix":"##","vocab":{"a":0,"##":1,"##a":2,"aa":3},"merges":["a ##","a ##a","a ##"]}}`
	all["byte tokens"] = `{"model":{"type":"BPE","byte_fallback":true,"unk_token":"<0x61>","vocab":{"<0x61>":0,"<0x62>":1},"merges":["<0x61> <0x62>"]}}`
	all["charsmap"] = with("normalizer", `{"type":"Precompiled","precompiled_charsmap":"AAQAAP////////////////"}`)
	return all
}

// hostileTexts are a short prompt and what makes simple loops quadratic.
func hostileTexts() []string {
	return []string{
		"Once upon aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! ", strings.Repeat("a", 10000), strings.Repeat("a ", 5000), strings.Repeat(" ", 10000),
		strings.Repeat("é", 5000), strings.Repeat("\u0301", 5000), "\x00\xff\ufffe\ufeff\u200d\U0010ffff",
	}
}

// TestHostile opens hostile tokenizers and encodes texts with them: there is an error that says what is wrong, or the work is done; and
// what was allocated on the way is bounded. Time is bounded by steps, which are counted.
func TestHostile(t *testing.T) {
	files := hostileFiles()
	if len(files) < 100 {
		t.Fatal(len(files))
	}
	known := []error{ErrFormat, ErrUnsupported, ErrVocabulary, ErrLimit}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			tok, err := Parse([]byte(file), nil)
			if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 16<<20+uint64(100*len(file)) {
				t.Errorf("%d bytes allocated for a file of %d", after.TotalAlloc-before.TotalAlloc, len(file))
			}
			check := func(err error) {
				if err != nil && (!slices.ContainsFunc(known, func(e error) bool { return errors.Is(err, e) }) || strings.Contains(err.Error(), "\n")) {
					t.Errorf("an error of no kind: %v", err)
				}
				if err != nil && len(err.Error()) > 1000 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
			}
			if err != nil {
				check(err)
				return
			}
			for _, text := range hostileTexts() {
				runtime.ReadMemStats(&before)
				ids, err := tok.Encode(text, true)
				check(err)
				_ = tok.Decode(ids)
				if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 128<<20 {
					t.Errorf("%.20q: %d bytes allocated", text, after.TotalAlloc-before.TotalAlloc)
				}
			}
		})
	}
}

// TestLinear counts steps where backtracking would take years: choices that failed are not tried again.
func TestLinear(t *testing.T) {
	for _, expr := range []string{`(a+)+$`, `(a|aa)+$`, `(a|a)*b`, `(a|b|ab)*c`, `(x+x+)+y|(a+a+)+b`, `a*a*a*a*b`, `\s+(?!\S)|\s+`, `\s*[\r\n]+|\s`} {
		e, err := newExpression(expr)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{strings.Repeat("a", 20000) + "!", strings.Repeat(" ", 20000) + "x"} {
			w := work{steps: 1 << 40}
			e.find(nil, text, &w)
			if steps := 1<<40 - w.steps; steps > len(text)*(40+4*len(e.code)) {
				t.Errorf("%s on %.5q...: %d steps for %d bytes and %d instructions", expr, text, steps, len(text), len(e.code))
			}
		}
	}
}

// TestLongLetter merges a text of one letter in near-linear time: it would not end otherwise.
func TestLongLetter(t *testing.T) {
	tok, err := Parse([]byte(`{"model":{"type":"BPE","vocab":{"a":0,"aa":1,"aaaa":2},"merges":["a a","aa aa"]}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := encode(t, tok, strings.Repeat("a", 1<<20), false)
	if len(ids) != 1<<18 || slices.Max(ids) != 2 || slices.Min(ids) != 2 {
		t.Errorf("%d ids", len(ids))
	}
}

// TestExpressions compares random expressions on random texts with regexp2, remembering failures from the first step on and not.
func TestExpressions(t *testing.T) {
	atoms := []string{"a", "b", "ab", ".", "[ab]", "[^a]", `\s`, `\p{L}`, `\d`, "^", "$", `(?=a)`, `(?!b)`, `(?<=a)`, `(?<!ab)`, `(?>a+)`, "(?i:A)", `\A`, `\z`}
	expression := rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		depth := 0
		for range rapid.IntRange(1, 6).Draw(t, "parts") {
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				b.WriteString("(?:")
				depth++
				b.WriteString(rapid.SampledFrom(atoms[:9]).Draw(t, "first"))
			case 1:
				b.WriteString("|")
			}
			atom := rapid.SampledFrom(atoms).Draw(t, "atom")
			b.WriteString(atom)
			if slices.Contains(atoms[:9], atom) {
				b.WriteString(rapid.SampledFrom([]string{"", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{2,}", "{0,2}?"}).Draw(t, "times"))
			}
			if depth > 0 && rapid.Bool().Draw(t, "close") {
				depth--
				b.WriteString(")" + rapid.SampledFrom([]string{"", "*", "+", "?", "+?", "{1,2}"}).Draw(t, "group times"))
			}
		}
		return b.String() + strings.Repeat(")", depth)
	})
	rapid.Check(t, func(t *rapid.T) {
		expr := expression.Draw(t, "expression")
		text := string(rapid.SliceOfN(rapid.SampledFrom([]rune("aaabbA 1é\t")), 0, 16).Draw(t, "text"))
		e, err := newExpression(expr)
		if err != nil {
			t.Fatal(expr, err)
		}
		got := e.find(nil, text, plenty())
		want := slices.DeleteFunc(newOther(t, expr).find(text), func(s span) bool { return s.start == s.end })
		full := slices.DeleteFunc(slices.Clone(got), func(s span) bool { return s.start == s.end }) // after an empty match engines go on differently
		if !slices.Contains(got, span{0, 0}) && len(full) == len(got) && !slices.Equal(full, want) {
			t.Fatalf("%s on %q: got %v, regexp2 %v", expr, text, got, want)
		}
		again := e.search(nil, text, plenty(), 0)
		if !slices.Equal(got, again) {
			t.Fatalf("%s on %q: %v, but %v where failures are remembered", expr, text, got, again)
		}
	})
}
