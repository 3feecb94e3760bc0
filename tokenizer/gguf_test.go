package tokenizer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// readGGUF reads the tokenizer of a GGUF file that is known to be good.
func readGGUF(t testing.TB, file string) GGUFVocabulary {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Skipf("no golden data: %v", err)
	}
	defer f.Close()
	data := make([]byte, 64<<20)
	n, err := io.ReadFull(f, data)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	data = data[:n]
	u32 := func() uint32 { v := binary.LittleEndian.Uint32(data); data = data[4:]; return v }
	u64 := func() uint64 { v := binary.LittleEndian.Uint64(data); data = data[8:]; return v }
	str := func() string { n := u64(); s := string(data[:n]); data = data[n:]; return s }
	var value func(kind uint32) any
	value = func(kind uint32) any {
		switch kind {
		case 0, 1, 7:
			b := data[0]
			data = data[1:]
			return b
		case 2, 3:
			b := data[:2]
			data = data[2:]
			return b
		case 4, 5:
			return u32()
		case 6:
			return math.Float32frombits(u32())
		case 8:
			return str()
		case 9:
			kind, n := u32(), u64()
			list := make([]any, n)
			for i := range list {
				list[i] = value(kind)
			}
			return list
		default:
			return u64()
		}
	}
	u32() // magic
	u32() // version
	u64() // tensors
	keys := map[string]any{}
	for range u64() {
		key := str()
		keys[key] = value(u32())
	}
	var v GGUFVocabulary
	get := func(key string) any { return keys["tokenizer."+key] }
	v.Model, _ = get("ggml.model").(string)
	v.Pre, _ = get("ggml.pre").(string)
	v.ChatTemplate, _ = get("chat_template").(string)
	tokens, _ := get("ggml.tokens").([]any)
	scores, _ := get("ggml.scores").([]any)
	types, _ := get("ggml.token_type").([]any)
	merges, _ := get("ggml.merges").([]any)
	for i := range tokens {
		v.Tokens = append(v.Tokens, tokens[i].(string))
	}
	for i := range scores {
		v.Scores = append(v.Scores, scores[i].(float32))
	}
	for i := range types {
		v.Types = append(v.Types, TokenType(types[i].(uint32)))
	}
	for i := range merges {
		v.Merges = append(v.Merges, merges[i].(string))
	}
	for name, p := range map[string]**int{"bos": &v.BOS, "eos": &v.EOS, "eot": &v.EOT, "unknown": &v.Unknown} {
		if id, ok := get("ggml." + name + "_token_id").(uint32); ok {
			n := int(id)
			*p = &n
		}
	}
	for name, p := range map[string]**bool{"add_bos_token": &v.AddBOS, "add_eos_token": &v.AddEOS, "add_space_prefix": &v.AddSpacePrefix} {
		if b, ok := get("ggml." + name).(byte); ok {
			yes := b != 0
			*p = &yes
		}
	}
	return v
}

// TestGGUFStories checks ids by llama.cpp (release of node-llama-cpp 3.22.1).
func TestGGUFStories(t *testing.T) {
	tok, err := FromGGUF(readGGUF(t, filepath.Join(shared, "models/stories260K-gguf/s260k-f32.gguf")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		ids  []int
	}{
		{"Hello world", []int{346, 306, 414, 263, 304, 341}},
		{"Once upon a time, there was a little girl named Lily.", []int{403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426}},
		{" Hello world", []int{410, 346, 306, 414, 263, 304, 341}},
		{"don't DON'T Don'T doN't", []int{279, 289, 439, 413, 410, 455, 441, 458, 439, 434, 410, 455, 289, 439, 434, 400, 458, 439, 413}},
		{"1234567890123", []int{410, 475, 479, 472, 484, 480, 490, 491, 487, 483, 477, 475, 479, 472}},
		{"<s>", []int{1}},
		{"▁Hello", []int{410, 346, 306, 414}},
		{"\n\n", []int{410, 13, 13}},
		{"Привет, мир!", []int{410, 211, 162, 212, 131, 211, 187, 211, 181, 211, 184, 212, 133, 432, 410, 211, 191, 211, 187, 212, 131, 443}},
	} {
		if ids := encode(t, tok, c.text, false); !slices.Equal(ids, c.ids) {
			t.Errorf("%q: got %v, want %v", c.text, ids, c.ids)
		}
		checkStream(t, tok, c.ids)
		if text := tok.DecodeSkip(encode(t, tok, c.text, true), true); text != c.text && !strings.ContainsAny(c.text, "<▁") {
			t.Errorf("%q comes back as %q", c.text, text)
		}
	}
	if ids := encode(t, tok, "", true); !slices.Equal(ids, []int{1}) {
		t.Errorf("the empty text is %v, want BOS", ids)
	}
	checkEnds(t, tok, 1, []int{2})
}

// TestLlamaCpp compares with files of llama.cpp's ids: NAME.gguf beside NAME.json, a list of {"text", "ids"} (without BOS). Of
// testdata/gemma4.py's, and of those in HELIX_TOKENIZERS.
func TestLlamaCpp(t *testing.T) {
	files, _ := filepath.Glob("testdata/gguf/*.json")
	if len(files) == 0 {
		t.Fatal("no testdata/gguf/*.json")
	}
	if dir := os.Getenv("HELIX_TOKENIZERS"); dir != "" {
		more, _ := filepath.Glob(filepath.Join(dir, "gguf", "*.json"))
		files = append(files, more...)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			tok, err := FromGGUF(readGGUF(t, strings.TrimSuffix(file, "json")+"gguf"))
			if err != nil {
				t.Fatal(err)
			}
			var vectors []struct {
				Text, Decoded string
				IDs           []int
			}
			readJSON(t, file, &vectors)
			wrong := 0
			for _, v := range vectors {
				if ids := encode(t, tok, v.Text, false); !slices.Equal(ids, v.IDs) {
					if wrong++; wrong < 10 {
						t.Errorf("%q:\ngot  %v\nwant %v", v.Text, ids, v.IDs)
					}
				}
				checkStream(t, tok, v.IDs)
			}
			t.Logf("%d texts, %d differences", len(vectors), wrong)
		})
	}
}

// TestGGUFPreTokenizers compares the pre-tokenizers that GGUF knows by name with those of the same models' tokenizer.json.
func TestGGUFPreTokenizers(t *testing.T) {
	dir := os.Getenv("HELIX_TOKENIZERS")
	if dir == "" {
		t.Skip("HELIX_TOKENIZERS is not set; see testdata/fetch.sh")
	}
	for name, pre := range map[string]string{"llama3": "llama-bpe", "qwen3": "qwen2", "deepseek_v3": "deepseek-v3", "mistral_nemo": "tekken", "gpt2": "gpt-2"} {
		t.Run(name, func(t *testing.T) {
			hf, err := Open(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			hf.normalizer = nil // GGUF has none
			v := GGUFVocabulary{Model: "gpt2", Pre: pre}
			for id := range hf.VocabSize() {
				token, kind := hf.Token(id), NormalToken
				if _, ok := hf.addedTokens[id]; ok {
					kind = UserDefinedToken
					if hf.special[id] {
						kind = ControlToken
					}
				}
				v.Tokens, v.Types = append(v.Tokens, token), append(v.Types, kind)
			}
			var file struct {
				Model struct{ Merges []json.RawMessage }
			}
			readJSON(t, filepath.Join(dir, name, "tokenizer.json"), &file)
			for _, raw := range file.Model.Merges {
				var pair []string
				var merge string
				if json.Unmarshal(raw, &pair) == nil {
					merge = strings.Join(pair, " ")
				} else if err := json.Unmarshal(raw, &merge); err != nil {
					t.Fatal(err)
				}
				v.Merges = append(v.Merges, merge)
			}
			tok, err := FromGGUF(v)
			if err != nil {
				t.Fatal(err)
			}
			var vectors []vector
			readJSON(t, filepath.Join(dir, name, "vectors.json"), &vectors)
			for _, c := range vectors {
				if c.Text == nil || strings.Contains(*c.Text, "ſ") { // llama.cpp's contractions are ASCII's
					continue
				}
				if got, want := encode(t, tok, *c.Text, false), encode(t, hf, *c.Text, false); !slices.Equal(got, want) {
					t.Errorf("%q: got %v, want %v", *c.Text, got, want)
				}
			}
		})
	}
}

// TestGGUFGemma4: what begins and ends its texts, whatever the file says, and that an export has the same vocabulary.
func TestGGUFGemma4(t *testing.T) {
	v := readGGUF(t, "testdata/gguf/gemma4.gguf")
	no := false
	v.AddBOS = &no
	v.Merges = append(v.Merges, v.Merges[0]) // of equal ones the first counts
	tok, err := FromGGUF(v)
	if err != nil {
		t.Fatal(err)
	}
	checkEnds(t, tok, 2, []int{1, 5, 8}) // <eos>, <turn|>, <|tool_response>
	if ids := encode(t, tok, "", true); !slices.Equal(ids, []int{2}) {
		t.Errorf("the empty text is %v, want BOS", ids)
	}
	back, notes, err := tok.ToGGUF("gemma4", len(v.Tokens))
	if err != nil || len(notes) > 0 {
		t.Fatalf("%q, %v", notes, err)
	}
	if back.Model != v.Model || !slices.Equal(back.Tokens, v.Tokens) || !slices.Equal(back.Types, v.Types) || !slices.Equal(back.Merges, v.Merges[:len(v.Merges)-1]) || !*back.AddBOS {
		t.Errorf("another vocabulary: %s, %d tokens, %d merges", back.Model, len(back.Tokens), len(back.Merges))
	}
	v.Model, v.Pre = "gpt2", "gemma4"
	if same, err := FromGGUF(v); err != nil || !slices.Equal(encode(t, same, "a  b\n\n", false), encode(t, tok, "a  b\n\n", false)) {
		t.Errorf("as a pre-tokenizer: %v", err)
	}
}

// TestGGUFHarmony: a message's end is no text's where others end that.
func TestGGUFHarmony(t *testing.T) {
	v := GGUFVocabulary{Model: "gpt2", Pre: "gpt-4o", Tokens: []string{"a", "<|return|>", "<|end|>", "<|call|>"}, Types: []TokenType{1, 3, 3, 3}}
	for ends, tokens := range map[string][]string{"[1 3]": v.Tokens, "[2 1]": {"a", "<|return|>", "<|end|>", "<|other|>"}} {
		v.Tokens = tokens
		tok, err := FromGGUF(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(tok.EOS()); got != ends {
			t.Errorf("%q: ends %s, want %s", tokens, got, ends)
		}
	}
}

// TestGGUFPieces: pre-tokenizers whose patterns the models' files have, and cuts that set them apart.
func TestGGUFPieces(t *testing.T) {
	for name, want := range map[string]string{
		"kimi-k2":  "Camel|Case's|中文|abc| naïve|123|4| !?\n\n|x",
		"youtu":    "Camel|Case's|中文|abc| naïve|1|2|3|4| !?\n\n|x",
		"tiny_aya": "Camel|Case's|中文abc| naïve|1|234| !?\n\n|x",
		"minicpm5": "CamelCase|'s|中文abc| naïve|123|4| !?\n\n|x",
		"glm4":     "CamelCase|'s|中文abc| naïve|123|4| !?\n\n|x",
	} {
		pre, err := ggufPreTokenizer(name)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := pre.steps()
		if err != nil {
			t.Fatal(err)
		}
		pieces, err := cut("CamelCase's中文abc naïve1234 !?\n\nx", steps)
		for i, p := range pieces {
			text := ""
			for _, r := range p {
				text += string([]byte{byte(slices.Index(byteAlphabet[:], string(r)))})
			}
			pieces[i] = text
		}
		if got := strings.Join(pieces, "|"); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

// TestGGUFSmall checks the rules of llama.cpp's SentencePiece on a vocabulary small enough to follow by hand.
func TestGGUFSmall(t *testing.T) {
	v := GGUFVocabulary{
		Model:  "llama",
		Tokens: []string{"<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁a", "ba", "bé", "<|im_end|>", "user"},
		Scores: []float32{0, 0, 0, -10, -10, -10, -2, -3, -1, -1, 0, 0},
		Types:  []TokenType{2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 3, 4},
	}
	for b := range 256 {
		v.Tokens, v.Scores, v.Types = append(v.Tokens, fmt.Sprintf("<0x%02X>", b)), append(v.Scores, 0), append(v.Types, ByteToken)
	}
	tok, err := FromGGUF(v)
	if err != nil {
		t.Fatal(err)
	}
	raw := func(b byte) int { return 12 + int(b) }
	for _, c := range []struct {
		text string
		ids  []int
	}{
		{"", nil},
		{"ab", []int{3, 6}},      // "ab" before "▁a"
		{"aba", []int{7, 8}},     // "ba" has the highest score
		{"abab", []int{7, 8, 5}}, // the leftmost of two
		{"bé", []int{3, 9}},      // é alone is no token
		{"é", []int{3, raw(0xc3), raw(0xa9)}},
		{"\n", []int{3, raw('\n')}},
		{"a<s>a", []int{7, 1, 7}}, // a space before the text and after each special token
		{"auserb", []int{7, 11, 3, 5}},
	} {
		if ids := encode(t, tok, c.text, false); !slices.Equal(ids, c.ids) {
			t.Errorf("%q: got %v, want %v", c.text, ids, c.ids)
		}
		checkStream(t, tok, c.ids)
	}
	if eos := tok.EOS(); !slices.Equal(eos, []int{2, 10}) {
		t.Errorf("EOS is %v", eos)
	}
	if text := tok.Decode([]int{7, 5, raw(0xc3), raw(0xa9), raw(0xff), 3, 4}); text != "ab\ufffd\ufffd\ufffd a" {
		t.Errorf("decoded %q", text)
	}
	if text := tok.DecodeSkip([]int{1, 7, 10, 5}, true); text != "ab" {
		t.Errorf("decoded %q", text)
	}
}

// TestGGUFMissingByte: llama.cpp leaves a byte without a token out, after the merges.
func TestGGUFMissingByte(t *testing.T) {
	tok, err := FromGGUF(GGUFVocabulary{Model: "gpt2", Pre: "gpt-2", Tokens: []string{"a", "b", "ab"}, Merges: []string{"a b"}})
	if err != nil {
		t.Fatal(err)
	}
	if ids := encode(t, tok, "abacb", true); !slices.Equal(ids, []int{2, 0, 1}) {
		t.Errorf("got %v", ids)
	}
}

func TestGGUFErrors(t *testing.T) {
	good := func() GGUFVocabulary {
		return GGUFVocabulary{Model: "gpt2", Pre: "qwen2", Tokens: []string{"a", "b", "ab"}, Merges: []string{"a b"}}
	}
	if _, err := FromGGUF(good()); err != nil {
		t.Fatal(err)
	}
	nan, minus, nine := float32(math.NaN()), -1, 9
	for name, c := range map[string]struct {
		want error
		edit func(*GGUFVocabulary)
	}{
		"no tokens":          {ErrVocabulary, func(v *GGUFVocabulary) { v.Tokens = nil }},
		"unknown model":      {ErrUnsupported, func(v *GGUFVocabulary) { v.Model = "t5" }},
		"unknown pre":        {ErrUnsupported, func(v *GGUFVocabulary) { v.Pre = "new-thing" }},
		"merge of one":       {ErrFormat, func(v *GGUFVocabulary) { v.Merges = []string{"ab"} }},
		"merge of unknown":   {ErrVocabulary, func(v *GGUFVocabulary) { v.Merges = []string{"a c"} }},
		"merge into unknown": {ErrVocabulary, func(v *GGUFVocabulary) { v.Merges = []string{"b a"} }},
		"types":              {ErrVocabulary, func(v *GGUFVocabulary) { v.Types = []TokenType{1} }},
		"scores":             {ErrVocabulary, func(v *GGUFVocabulary) { v.Scores = []float32{1} }},
		"NaN":                {ErrVocabulary, func(v *GGUFVocabulary) { v.Model, v.Scores = "llama", []float32{0, nan, 0} }},
		"BOS below":          {ErrVocabulary, func(v *GGUFVocabulary) { v.BOS = &minus }},
		"EOS beyond":         {ErrVocabulary, func(v *GGUFVocabulary) { v.EOS = &nine }},
	} {
		v := good()
		c.edit(&v)
		if _, err := FromGGUF(v); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}
