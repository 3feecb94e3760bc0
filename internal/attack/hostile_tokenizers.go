package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// hostileTokenizers are tokenizer.json files whose patterns backtrack without end, whose
// normalizers blow a text up, and whose vocabularies cannot be; each is the given sound
// one with one part replaced.
func hostileTokenizers(sound []byte) ([]specimen, error) {
	var base map[string]json.RawMessage
	if err := json.Unmarshal(sound, &base); err != nil {
		return nil, err
	}
	var model map[string]json.RawMessage
	if err := json.Unmarshal(base["model"], &model); err != nil {
		return nil, err
	}
	var list []specimen
	add := func(name, part, format string, args ...any) {
		list = append(list, specimen{"tokenizer " + name, func() string {
			changed := maps.Clone(base)
			changed[part] = json.RawMessage(fmt.Sprintf(format, args...))
			return encode(changed)
		}})
	}
	addModel := func(name, part, text string) {
		changed := maps.Clone(model)
		changed[part] = json.RawMessage(text)
		add(name, "model", "%s", encode(changed))
	}
	for _, pattern := range []string{
		`(a+)+$`, `(a|a)*$`, `(a|aa)+$`, `(.*a){20}$`, `(a*)*b`, `((a+)+)+c`, `(?:a?){40}a{40}`, `(?=(a+)+$)b`, `(?<=(a+)+)b`, `(?!(a+)+$)c`,
		`(\w+\s?)+!$`, `(a+)\1+$`, `^(([a-z])+.)+[A-Z]([a-z])+$`, `(x+x+)+y`, `(?>a+)+$`, `((((((a*)*)*)*)*)*)*b`, `a{1000}{1000}`, `(a{0,1000}){0,1000}b`,
		`\p{L}{999999}`, `(`, `[`, `\p{Nope}`, `(?P<x>a)(?P=x)+$`, `(?:)*`, `()`, `|`, `\b*`, strings.Repeat("(", 1000) + strings.Repeat(")", 1000),
		strings.Repeat("(a?", 500) + strings.Repeat(")", 500), strings.Repeat("a*", 300) + "b", strings.Repeat("(a|b|ab)*", 30) + "c", strings.Repeat("x", 1<<20),
	} {
		short := pattern[:min(len(pattern), 30)]
		quoted, _ := json.Marshal(pattern)
		add("split "+short, "pre_tokenizer", `{"type": "Split", "pattern": {"Regex": %s}, "behavior": "Isolated", "invert": false}`, quoted)
		add("replace "+short, "normalizer", `{"type": "Replace", "pattern": {"Regex": %s}, "content": "b"}`, quoted)
		add("decode "+short, "decoder", `{"type": "Replace", "pattern": {"Regex": %s}, "content": "b"}`, quoted)
	}
	for _, n := range []int{2, 10, 40, 3000} {
		blow := strings.Repeat(`{"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaa"},`, n)
		add(fmt.Sprintf("%d replacements", n), "normalizer", `{"type": "Sequence", "normalizers": [%s]}`, strings.TrimSuffix(blow, ","))
		add(fmt.Sprintf("%d prepends", n), "normalizer", `{"type": "Sequence", "normalizers": [%s]}`,
			strings.TrimSuffix(strings.Repeat(`{"type": "Prepend", "prepend": "`+strings.Repeat("x", 1000)+`"},`, n), ","))
		add(fmt.Sprintf("%d decodings", n), "decoder", `{"type": "Sequence", "decoders": [%s]}`, strings.TrimSuffix(blow, ","))
		for _, nested := range [][2]string{{"normalizer", "normalizers"}, {"pre_tokenizer", "pretokenizers"}, {"decoder", "decoders"}, {"post_processor", "processors"}} {
			kind := nested[1]
			add(fmt.Sprintf("%d nested %s", n, kind), nested[0], `%s{"type": "Sequence", "%s": []}%s`,
				strings.Repeat(`{"type": "Sequence", "`+kind+`": [`, n), kind, strings.Repeat("]}", n))
		}
		add(fmt.Sprintf("%d long template", n), "post_processor", `{"type": "TemplateProcessing", "single": [%s{"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {"<|bos|>": {"id": "<|bos|>", "ids": [0], "tokens": ["<|bos|>"]}}}`,
			strings.Repeat(`{"Sequence": {"id": "A", "type_id": 0}},`, n))
	}
	add("nothing replaced", "normalizer", `{"type": "Replace", "pattern": {"String": ""}, "content": %q}`, strings.Repeat("x", 100000))
	add("a map of nothing", "normalizer", `{"type": "Precompiled", "precompiled_charsmap": ""}`)
	add("a broken map", "normalizer", `{"type": "Precompiled", "precompiled_charsmap": "/////wAAAAD/////AAAAAA=="}`)
	add("a deep part", "normalizer", `%s%s`, strings.Repeat("[", 1000000), strings.Repeat("]", 1000000))
	add("deep unread", "truncation", `%s%s`, strings.Repeat(`{"a":`, 100000)+"1", strings.Repeat("}", 100000))
	add("an unknown part", "normalizer", `{"type": "Explode"}`)
	for _, id := range []string{"2147483647", "4294967296", "-1", "1e300", "18446744073709551616", "\"0\"", "1.5"} {
		addModel("token id "+id, "vocab", `{"a": 0, "b": `+id+`}`)
		add("added token id "+id, "added_tokens", `[{"id": %s, "content": "<x>", "special": true}]`, id)
	}
	addModel("no vocabulary", "vocab", `{}`)
	addModel("one token twice", "vocab", `{"a": 0, "a": 1}`)
	addModel("merges of nothing", "merges", `["", " ", "a", "a b c"]`)
	addModel("merges of strangers", "merges", `[["nobody", "knows"]]`)
	addModel("a merge without a token", "merges", `[["a", "Ġ"]]`)
	addModel("a million merges", "merges", `[`+strings.TrimSuffix(strings.Repeat(`"a b",`, 1000000), ",")+`]`)
	addModel("unknown is unknown", "unk_token", `"<nobody>"`)
	addModel("dropout", "dropout", `0.5`)
	addModel("a long prefix", "continuing_subword_prefix", `"`+strings.Repeat("#", 100000)+`"`)
	addModel("another kind", "type", `"Nope"`)
	add("Unigram of NaN", "model", `{"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", NaN]]}`)
	add("Unigram of infinity", "model", `{"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", 1e999]]}`)
	add("Unigram unknown", "model", `{"type": "Unigram", "unk_id": 99, "vocab": [["a", -1]]}`)
	add("Unigram of nothing", "model", `{"type": "Unigram", "unk_id": 0, "vocab": [["", 0], ["", -1]]}`)
	add("WordPiece", "model", `{"type": "WordPiece", "unk_token": "x", "vocab": {"x": 0}, "max_input_chars_per_word": 1000000000000}`)
	var added strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&added, `{"id": %d, "content": "%s%d", "special": true},`, i, strings.Repeat("a", 50), i)
	}
	add("100,000 added tokens", "added_tokens", "[%s]", strings.TrimSuffix(added.String(), ","))
	add("an empty added token", "added_tokens", `[{"id": 0, "content": "", "special": true}]`)
	add("a long added token", "added_tokens", `[{"id": 0, "content": "%s", "special": true}]`, strings.Repeat("a", 10<<20))
	list = append(list, specimen{"tokenizer of nothing", func() string { return "" }}, specimen{"tokenizer null", func() string { return "null" }},
		specimen{"tokenizer of zeros", func() string { return strings.Repeat("\x00", 1<<20) }})
	return list, nil
}

// encode writes parts in the order of their names; unlike json.Marshal it does not mind
// values that are not JSON.
func encode(parts map[string]json.RawMessage) string {
	var b strings.Builder
	separator := "{"
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		fmt.Fprintf(&b, "%s%q: %s", separator, name, parts[name])
		separator = ", "
	}
	return b.String() + "}"
}
