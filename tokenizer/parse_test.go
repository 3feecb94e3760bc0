package tokenizer

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const tiny = `{"added_tokens":[{"id":3,"content":"<s>","special":true}],"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`

func TestParseErrors(t *testing.T) {
	part := func(old, new string) string { return strings.Replace(tiny, old, new, 1) }
	with := func(key, value string) string { return part(`{"added`, `{"`+key+`":`+value+`,"added`) }
	for name, c := range map[string]struct {
		file string
		want error
		says string // part of the message
	}{
		"empty":                  {"", ErrFormat, ""},
		"truncated":              {tiny[:60], ErrFormat, ""},
		"foreign":                {`[1,2]`, ErrFormat, ""},
		"no model":               {`{}`, ErrFormat, "model"},
		"deep":                   {strings.Repeat("[", 100000), ErrFormat, ""},
		"model":                  {part(`"BPE"`, `"Magic"`), ErrUnsupported, `"Magic"`},
		"normalizer":             {with("normalizer", `{"type":"Magic"}`), ErrUnsupported, `normalizer of type "Magic"`},
		"nested normalizer":      {with("normalizer", `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Magic"}]}`), ErrUnsupported, `"Magic"`},
		"pre-tokenizer":          {with("pre_tokenizer", `{"type":"Magic"}`), ErrUnsupported, `pre_tokenizer of type "Magic"`},
		"post-processor":         {with("post_processor", `{"type":"Magic"}`), ErrUnsupported, `post_processor of type "Magic"`},
		"decoder":                {with("decoder", `{"type":"Magic"}`), ErrUnsupported, `decoder of type "Magic"`},
		"type of a part":         {with("decoder", `7`), ErrFormat, "decoder"},
		"fields of a part":       {with("normalizer", `{"type":"Prepend","prepend":7}`), ErrFormat, "normalizer"},
		"behavior":               {with("pre_tokenizer", `{"type":"Split","pattern":{"String":"a"},"behavior":"Explode"}`), ErrUnsupported, "Explode"},
		"pattern":                {with("pre_tokenizer", `{"type":"Split","pattern":{},"behavior":"Isolated"}`), ErrFormat, "pattern"},
		"expression":             {with("pre_tokenizer", `{"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated"}`), ErrUnsupported, "(a"},
		"POSIX brackets":         {with("pre_tokenizer", `{"type":"Split","pattern":{"Regex":"[[:graph:]]"},"behavior":"Isolated"}`), ErrUnsupported, "POSIX"},
		"prepend scheme":         {with("pre_tokenizer", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"often"}`), ErrUnsupported, "often"},
		"replacement":            {with("decoder", `{"type":"Metaspace","replacement":"ab"}`), ErrFormat, "ab"},
		"strip":                  {with("decoder", `{"type":"Strip","content":"","start":1,"stop":0}`), ErrFormat, "Strip"},
		"charsmap":               {with("normalizer", `{"type":"Precompiled","precompiled_charsmap":"!"}`), ErrFormat, "charsmap"},
		"charsmap too short":     {with("normalizer", `{"type":"Precompiled","precompiled_charsmap":"/////w=="}`), ErrFormat, "charsmap"},
		"template token":         {with("post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{}}`), ErrVocabulary, `"x"`},
		"template id":            {with("post_processor", `{"type":"BertProcessing","sep":["<s>",3],"cls":["x",4]}`), ErrVocabulary, "id 4 of 4"},
		"template item":          {with("post_processor", `{"type":"TemplateProcessing","single":[{}],"special_tokens":{}}`), ErrFormat, "item 0"},
		"id below 0":             {part(`"ab":2`, `"ab":-2`), ErrFormat, "vocab"},
		"id with fraction":       {part(`"ab":2`, `"ab":2.5`), ErrFormat, "vocab"},
		"id beyond int32":        {part(`"ab":2`, `"ab":99999999999`), ErrVocabulary, "vocab"},
		"id far out":             {part(`"ab":2`, `"ab":2000000000`), ErrVocabulary, "2000000000"},
		"vocabulary":             {part(`{"a":0,"b":1,"ab":2}`, `[["a",0]]`), ErrFormat, "vocab"},
		"merge of unknown":       {part(`"a b"`, `"a c"`), ErrVocabulary, `"c"`},
		"merge into unknown":     {part(`"a b"`, `["b","a"]`), ErrVocabulary, `"ba"`},
		"merge of one":           {part(`"a b"`, `"ab"`), ErrFormat, `"ab"`},
		"merge of three":         {part(`"a b"`, `"a b c"`), ErrFormat, ""},
		"merge of three in list": {part(`"a b"`, `["a","b","c"]`), ErrFormat, ""},
		"unk_id":                 {`{"model":{"type":"Unigram","unk_id":5,"vocab":[["a",-1]]}}`, ErrVocabulary, "5"},
		"score":                  {`{"model":{"type":"Unigram","unk_id":0,"vocab":[["a","b"]]}}`, ErrFormat, "entry 0"},
		"entry":                  {`{"model":{"type":"Unigram","unk_id":0,"vocab":[["a"]]}}`, ErrFormat, "entry 0"},
	} {
		_, err := Parse([]byte(c.file), nil)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %v with %q", name, err, c.want, c.says)
		}
	}
	if _, err := Parse([]byte(tiny), []byte("{")); !errors.Is(err, ErrFormat) {
		t.Errorf("config: got %v", err)
	}
	if _, err := Parse(make([]byte, MaxFileSize+1), nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("huge: got %v", err)
	}
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir); !errors.Is(err, ErrNotFound) {
		t.Errorf("empty directory: got %v", err)
	}
	write("tokenizer.json", tiny)
	write("special_tokens_map.json", `{"bos_token":{"content":"<s>"}}`)
	write("tokenizer_config.json", `{"tokenizer_class":"LlamaTokenizerFast","add_eos_token":true,"eos_token":"b","chat_template":[{"name":"tool","template":"x"},{"name":"default","template":"y"}]}`)
	write("generation_config.json", `{"eos_token_id":[1,2]}`)
	for _, path := range []string{dir, filepath.Join(dir, "tokenizer.json")} {
		tok, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		checkEnds(t, tok, 3, []int{1, 2})
		if tok.ChatTemplate() != "y" || tok.VocabSize() != 4 || !tok.IsSpecial(3) || tok.IsSpecial(2) {
			t.Errorf("template %q, size %d, special %v %v", tok.ChatTemplate(), tok.VocabSize(), tok.IsSpecial(3), tok.IsSpecial(2))
		}
		if ids := encode(t, tok, "aab<s>", true); !slices.Equal(ids, []int{3, 0, 0, 1, 3, 1}) { // "b" ends texts: it is cut out before merges
			t.Errorf("ids %v", ids)
		}
		if id, ok := tok.ID("ab"); !ok || id != 2 || tok.Token(2) != "ab" || tok.Token(-1) != "" || tok.Token(9) != "" {
			t.Errorf("ID %d %v, Token %q", id, ok, tok.Token(2))
		}
		if text := tok.DecodeSkip([]int{3, -5, 2, 99, 0}, true); text != "ab a" {
			t.Errorf("text %q", text)
		}
	}
	write("chat_template.jinja", "z")
	if tok, err := Open(dir); err != nil || tok.ChatTemplate() != "z" {
		t.Error(err)
	}
	write("generation_config.json", `{"eos_token_id":"x"}`)
	if _, err := Open(dir); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "generation_config.json") {
		t.Errorf("got %v", err)
	}
}

// TestSettings adds the tokens that only the files beside tokenizer.json name, in transformers' order, and collects what ends a text.
func TestSettings(t *testing.T) {
	token := func(content, rest string) string { return `{"content":"` + content + `"` + rest + `}` }
	for name, c := range map[string]struct {
		files   map[string]string
		ids     map[string]int // of tokens that are cut out of texts
		special map[string]string
		eos     []int
	}{
		"added_tokens_decoder": {
			map[string]string{
				"tokenizer_config.json":   `{"eos_token":"<e>","pad_token":null,"added_tokens_decoder":{"9":` + token("<y>", "") + `,"7":` + token("<e>", "") + `,"0":` + token("a", `,"special":true`) + `}}`,
				"special_tokens_map.json": `{"bos_token":"<z>"}`, "added_tokens.json": `{"<q>":5}`, // not asked
			},
			map[string]int{"a": 0, "<s>": 3, "<e>": 4, "<y>": 5}, map[string]string{"eos_token": "<e>"}, []int{4},
		},
		"special_tokens_map": {
			map[string]string{
				"tokenizer_config.json":   `{"bos_token":"<1>","additional_special_tokens":["<2>",` + token("<3>", `,"lstrip":true`) + `],"image_token":"<4>","add_bos_token":true}`,
				"special_tokens_map.json": `{"bos_token":"<5>","eos_token":` + token("<6>", "") + `}`,
				"added_tokens.json":       `{"<8>":8,"<7>":7,"<2>":9}`,
			},
			map[string]int{"<s>": 3, "<7>": 4, "<8>": 5, "<2>": 6, "<5>": 7, "<6>": 8, "<4>": 9, "<3>": 10},
			map[string]string{"bos_token": "<5>", "eos_token": "<6>", "image_token": "<4>"}, []int{8},
		},
		"extra_special_tokens": {
			map[string]string{
				"tokenizer_config.json":  `{"extra_special_tokens":{"image_token":"<i>","b_token":"b"},"additional_special_tokens":["<no>"]}`,
				"config.json":            `{"eos_token_id":[1,7],"other":Infinity,"text_config":{"eos_token_id":6,"more":-Infinity}}`,
				"generation_config.json": `{"eos_token_id":5}`,
			},
			map[string]int{"<s>": 3, "b": 1, "<i>": 4}, map[string]string{"image_token": "<i>", "b_token": "b"}, []int{5, 1, 7, 6},
		},
		"none": {map[string]string{}, map[string]int{"<s>": 3}, map[string]string{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tok, err := Read(func(name string) ([]byte, error) {
				if name == "tokenizer.json" {
					return []byte(tiny), nil
				}
				if text, ok := c.files[name]; ok {
					return []byte(text), nil
				}
				return nil, fs.ErrNotExist
			})
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(tok.added, c.ids) || !maps.Equal(tok.SpecialTokens(), c.special) || !slices.Equal(tok.EOS(), c.eos) {
				t.Errorf("added %v, special %v, ends %v; want %v, %v, %v", tok.added, tok.SpecialTokens(), tok.EOS(), c.ids, c.special, c.eos)
			}
		})
	}
}

func TestValidUTF8(t *testing.T) {
	for text, want := range map[string]string{ // as Python's bytes.decode("utf-8", "replace")
		"abc": "abc", "\xff": "\ufffd", "a\xc3": "a\ufffd", "\xe2\x82": "\ufffd", "\xe2\x82a": "\ufffda", "\xf0\x9f\x98": "\ufffd", "\xf0\x9f\x98\x80": "😀",
		"\xc0\x80": "\ufffd\ufffd", "\xed\xa0\x80": "\ufffd\ufffd\ufffd", "\xf5\x80": "\ufffd\ufffd", "\xe2\xe2\x82\xac": "\ufffd€", "\x80\x80": "\ufffd\ufffd", "\ufffd": "\ufffd", "\xe0\x80": "\ufffd\ufffd", "\xf0\x90\xff": "\ufffd\ufffd",
	} {
		if got := validUTF8(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestFusedDecoders compares decoders of a token that comes in parts with the same on the whole token.
func TestFusedDecoders(t *testing.T) {
	for _, decoders := range []string{
		`{"type":"Strip","content":" ","start":2,"stop":0}`, `{"type":"Strip","content":" ","start":0,"stop":2}`, `{"type":"Strip","content":"a","start":1,"stop":3}`,
		`{"type":"Replace","pattern":{"String":"aab"},"content":"-"}`, `{"type":"Replace","pattern":{"Regex":"a+b"},"content":"-"}`, `{"type":"Metaspace","replacement":"a","prepend_scheme":"always"}`,
	} {
		parts := []string{"", "a", " ", "aa", "b", "  ", "x", "aab", " a", "ba"}
		for n := range 10000 {
			var text []string
			for m := n; m > 0; m /= len(parts) {
				text = append(text, parts[m%len(parts)])
			}
			run := func(steps string, tokens ...string) string {
				all, err := new(componentParser).parseDecoder([]byte(`{"type":"Sequence","decoders":[` + steps + `]}`))
				if err != nil {
					t.Fatal(err)
				}
				var out strings.Builder
				next := func(s string) { out.WriteString(s) }
				var states []decoderState
				for _, step := range all {
					states = append(states, step.start())
				}
				feed := func(s string) { states[0].token(s, func(s string) { states[len(states)-1].token(s, next) }) }
				if len(states) == 1 {
					feed = func(s string) { states[0].token(s, next) }
				}
				for _, s := range tokens {
					feed(s)
				}
				states[len(states)-1].flush(next)
				return out.String()
			}
			whole := strings.Join(text, "")
			if strings.Trim(whole, " a") == "" { // what is both at the beginning and at the end: the reference has no answer
				continue
			}
			if got, want := run(`{"type":"Fuse"},`+decoders, text...), run(decoders, whole); got != want {
				t.Fatalf("%s: %q: got %q, want %q", decoders, text, got, want)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(tiny), "aab")
	for _, s := range smallTokenizers(f) {
		if len(s.Tokenizer) < 12000 {
			f.Add([]byte(s.Tokenizer), "Hello <s> aab 12 é")
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		tok, err := Parse(data, nil)
		if err != nil {
			for _, known := range []error{ErrFormat, ErrUnsupported, ErrVocabulary, ErrTooLarge, ErrLimit} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("an error of no kind: %v", err)
		}
		if len(text) > 200 {
			text = text[:200]
		}
		ids, err := tok.Encode(text, true)
		if err != nil && !errors.Is(err, ErrLimit) && !errors.Is(err, ErrVocabulary) {
			t.Fatalf("an error of no kind: %v", err)
		}
		checkStream(t, tok, ids)
	})
}

func FuzzEncodeDecode(f *testing.F) {
	var all []*Tokenizer
	for _, name := range []string{"bpe-gpt2", "bpe-llama3", "bpe-bytefallback", "bpe-suffix", "unigram-bytes", "unigram-charsmap", "wordpiece", "added"} {
		tok, err := Parse(smallTokenizers(f)[name].Tokenizer, nil)
		if err != nil {
			f.Fatal(name, err)
		}
		all = append(all, tok)
	}
	for _, text := range []string{"", "Hello, world! 123", "<s> x </s>", "é e\u0301 你好 😀", "\xff\xe2\x82", "  \n\t "} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i, tok := range all {
			ids := encode(t, tok, text, false)
			for _, id := range ids {
				if id < 0 || id >= tok.VocabSize() {
					t.Fatalf("tokenizer %d: id %d of %d", i, id, tok.VocabSize())
				}
			}
			if again := encode(t, tok, text, false); !slices.Equal(ids, again) {
				t.Fatalf("tokenizer %d: %v, then %v", i, ids, again)
			}
			checkStream(t, tok, ids)
			if back := tok.Decode(ids); i == 1 && back != validUTF8(text) || !utf8.ValidString(back) { // bpe-llama3 loses nothing
				t.Fatalf("tokenizer %d: %q comes back as %q", i, text, back)
			}
		}
	})
}
