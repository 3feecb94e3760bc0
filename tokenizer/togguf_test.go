package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestToGGUF translates real vocabularies and encodes a real text with both.
func TestToGGUF(t *testing.T) {
	shared := "../../shared"
	if _, err := os.Stat(shared); err != nil {
		t.Skip("no ../shared")
	}
	text, err := os.ReadFile(filepath.Join(shared, "text/tinystories-20k.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for dir, kind := range map[string]string{"helix-demo": "gpt2", "tinystories-656k": "llama"} {
		file, err := os.ReadFile(filepath.Join(shared, "models", dir, "tokenizer.json"))
		if err != nil {
			t.Fatal(err)
		}
		config, _ := os.ReadFile(filepath.Join(shared, "models", dir, "tokenizer_config.json"))
		original, err := Parse(file, config)
		if err != nil {
			t.Fatal(err)
		}
		v, notes, err := original.ToGGUF("llama", original.VocabSize()+13)
		if len(notes) > 0 != (kind == "llama") { // which has a note on spaces
			t.Errorf("%s: %q", dir, notes)
		}
		if n := len(v.Tokens); n != original.VocabSize()+13 || v.Types[n-1] != UnusedToken {
			t.Errorf("%s: %d tokens, %d and 13 wanted", dir, n, original.VocabSize())
		}
		if err != nil || v.Model != kind {
			t.Errorf("%s: %+v, %v", dir, v, err)
			continue
		}
		translated, err := FromGGUF(*v)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := encode(t, translated, string(text), true), encode(t, original, string(text), true); !slices.Equal(a, b) {
			t.Errorf("%s: %d and %d tokens", dir, len(a), len(b))
		}
		if a, b := translated.EOS(), original.EOS(); len(a) == 0 || len(b) == 0 || a[0] != b[0] {
			t.Errorf("%s: ends %v and %v", dir, a, b)
		}
	}
}

// small is a byte-level BPE of the alphabet and more tokens, with a pre-tokenizer, a normalizer and added tokens.
func small(t *testing.T, pre, normalizer, added string) *Tokenizer {
	t.Helper()
	vocab := map[string]int{"he": 256, "Ġt": 257}
	for b, char := range byteAlphabet {
		vocab[char] = b
	}
	text, err := json.Marshal(vocab)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse(fmt.Appendf(nil, `{"added_tokens": [%s], "normalizer": %s, "pre_tokenizer": %s, "decoder": {"type": "ByteLevel"},
		"model": {"type": "BPE", "vocab": %s, "merges": ["h e", "Ġ t"]}}`, added, normalizer, pre, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

const wordsPre = `{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}`

func splitPre(t *testing.T, pattern string) string {
	t.Helper()
	quoted, err := json.Marshal(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return `{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": ` + string(quoted) + `}, "behavior": "Isolated", "invert": false},
		{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}`
}

// TestPreTokenizerByCuts: the pre-tokenizer is told by how it cuts, for a vocabulary whose merges show nothing of it.
func TestPreTokenizerByCuts(t *testing.T) {
	for want, pre := range map[string]string{
		"gpt-2": wordsPre, "qwen2": splitPre(t, qwen2GGUF), "gpt-4o": splitPre(t, o200kPattern), "dbrx": splitPre(t, llama3GGUF),
		"smollm":  `{"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, ` + wordsPre + `]}`,
		"kimi-k2": splitPre(t, kimiPattern),
	} {
		v, notes, err := small(t, pre, "null", "").ToGGUF("llama", 258)
		if err != nil || v.Pre != want {
			t.Errorf("%q, %v, want %q", v.Pre, err, want)
		}
		if len(notes) == 0 || !strings.Contains(notes[0], "ends a text") {
			t.Errorf("%s: %q", want, notes)
		}
		if capitals := strings.Contains(strings.Join(notes, " "), "CamelCase"); capitals != (want == "kimi-k2") {
			t.Errorf("%s: %q", want, notes)
		}
		if !slices.Equal(v.Merges, []string{"h e", "Ġ t"}) {
			t.Errorf("%s: merges %q", want, v.Merges)
		}
	}
}

// TestToGGUFTokens: types, ends, rows without a token and tokens without a row.
func TestToGGUFTokens(t *testing.T) {
	tok := small(t, wordsPre, `{"type": "NFC"}`, `{"id": 258, "content": "[PAD262]", "special": false}, {"id": 259, "content": "<end>", "special": true},
		{"id": 260, "content": "<image>", "special": true}`)
	tok.bos, tok.eos = 259, []int{259, 258, 0, 1, 260}
	tok.specialTokens = map[string]string{"pad_token": "<end>", "mask_token": "<image>", "sep_token": "[PAD262]"}
	v, _, err := tok.ToGGUF("llama", 263)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"[PAD262]", "<end>", "<image>", "[PAD261]", "[[PAD262]]"}; !slices.Equal(v.Tokens[258:], want) {
		t.Errorf("tokens %q, want %q", v.Tokens[258:], want)
	}
	if want := []TokenType{UserDefinedToken, ControlToken, ControlToken, UnusedToken, UnusedToken}; !slices.Equal(v.Types[258:], want) {
		t.Errorf("types %v, want %v", v.Types[258:], want)
	}
	tok.eos = nil
	if v, notes, err := tok.ToGGUF("llama", 263); err != nil || *v.EOS != 261 || len(notes) != 1 {
		t.Errorf("nothing ends a text: %v, %q, %v", v.EOS, notes, err)
	}
	tok.eos = []int{259, 258, 0, 1, 260}
	v, notes, err := tok.ToGGUF("llama", 260)
	if err != nil {
		t.Fatal(err)
	}
	if *v.BOS != 259 || *v.EOS != 259 || *v.EOT != 258 || *v.EOM != 0 || *v.Padding != 259 || *v.Separator != 258 || v.Mask != nil {
		t.Error("ends differ")
	}
	for i, want := range []string{"no embeddings", "one more", "NFC"} {
		if len(notes) != 3 || !strings.Contains(notes[i], want) {
			t.Errorf("notes %q", notes)
		}
	}
	if _, _, err := tok.ToGGUF("llama", 257); !errors.Is(err, ErrVocabulary) {
		t.Errorf("a token without a row: %v", err)
	}
}

func TestToGGUFRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"WordPiece": `{"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "a": 1}},
			"pre_tokenizer": {"type": "Whitespace"}}`,
		"no byte-level BPE": `{"model": {"type": "BPE", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "H": 1, "e": 2, "l": 3, "o": 4}, "merges": []},
			"pre_tokenizer": {"type": "Whitespace"}}`,
	} {
		tok, err := Parse([]byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := tok.ToGGUF("llama", 8); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, normalizer := range []string{`{"type": "NFKC"}`, `{"type": "Lowercase"}`} {
		if _, _, err := small(t, wordsPre, normalizer, "").ToGGUF("llama", 300); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", normalizer, err)
		}
	}
}
