package tokenizer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
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
		v, err := ToGGUF(file, config)
		if err != nil || v.Model != kind {
			t.Errorf("%s: %+v, %v", dir, v, err)
			continue
		}
		translated, err := FromGGUF(*v)
		if err != nil {
			t.Fatal(err)
		}
		original, err := Parse(file, config)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := translated.Encode(string(text), true), original.Encode(string(text), true); !slices.Equal(a, b) {
			t.Errorf("%s: %d and %d tokens", dir, len(a), len(b))
		}
		if a, b := translated.EOS(), original.EOS(); len(a) == 0 || len(b) == 0 || a[0] != b[0] {
			t.Errorf("%s: ends %v and %v", dir, a, b)
		}
	}
}

func TestToGGUFRefuses(t *testing.T) {
	wordpiece := `{"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "a": 1}}, "pre_tokenizer": {"type": "Whitespace"}}`
	if _, err := ToGGUF([]byte(wordpiece), nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("WordPiece: %v", err)
	}
	odd := `{"model": {"type": "BPE", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "H": 1, "e": 2, "l": 3, "o": 4}, "merges": []}, "pre_tokenizer": {"type": "Whitespace"}}`
	if _, err := ToGGUF([]byte(odd), nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("no byte-level BPE: %v", err)
	}
	if _, err := ToGGUF([]byte("{"), nil); !errors.Is(err, ErrFormat) {
		t.Errorf("no JSON: %v", err)
	}
}
