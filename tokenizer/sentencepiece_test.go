package tokenizer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// only gives one file.
func onlyFile(name string, data []byte) Files {
	return func(n string) ([]byte, error) {
		if n == name {
			return data, nil
		}
		return nil, fs.ErrNotExist
	}
}

// TestSentencePiece compares models that testdata/sentencepiece.py trained with what transformers makes of them.
func TestSentencePiece(t *testing.T) {
	models, err := filepath.Glob("testdata/sentencepiece/*.model")
	if err != nil || len(models) < 7 {
		t.Fatal(models, err)
	}
	for _, file := range models {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tok, err := Read(onlyFile("tokenizer.model", data))
			if err != nil {
				t.Fatal(err)
			}
			var vectors []struct {
				Text, Decoded string
				IDs           []int
			}
			readJSON(t, strings.TrimSuffix(file, ".model")+".json", &vectors)
			for _, v := range vectors {
				if ids := encode(t, tok, v.Text, false); !slices.Equal(ids, v.IDs) {
					t.Errorf("%q: got %v, want %v", v.Text, ids, v.IDs)
				}
				if text := tok.Decode(v.IDs); text != v.Decoded {
					t.Errorf("%v: got %q, want %q", v.IDs, text, v.Decoded)
				}
				checkStream(t, tok, v.IDs)
			}
			if ids := encode(t, tok, "", true); !slices.Equal(ids, []int{1}) || !slices.Equal(tok.EOS(), []int{2}) || tok.SpecialTokens()["bos_token"] != "<s>" {
				t.Errorf("around nothing %v, ends %v, special tokens %v", ids, tok.EOS(), tok.SpecialTokens())
			}
		})
	}
}

func FuzzSentencePiece(f *testing.F) {
	models, _ := filepath.Glob("testdata/sentencepiece/*.model")
	for _, file := range models {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "Hello the <u> 中")
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		tok, err := Read(onlyFile("tokenizer.model", data))
		if err == nil {
			_, err = tok.Encode(text, true)
		}
		if err != nil && !slices.ContainsFunc([]error{ErrFormat, ErrUnsupported, ErrVocabulary, ErrLimit}, func(e error) bool { return errors.Is(err, e) }) {
			t.Fatalf("an error of no kind: %v", err)
		}
	})
}

// FuzzSettings reads hostile files beside a vocabulary.
func FuzzSettings(f *testing.F) {
	f.Add([]byte(`{"bos_token":"<s>","added_tokens_decoder":{"7":{"content":"<e>","lstrip":true}}}`), []byte(`{"eos_token_id":[1,2],"x":Infinity}`))
	f.Add([]byte(`{"extra_special_tokens":{"a":"b"},"chat_template":[{"name":"default","template":"x"}]}`), []byte(`{"text_config":{"eos_token_id":3}}`))
	f.Fuzz(func(t *testing.T, config, model []byte) {
		tok, err := Read(func(name string) ([]byte, error) {
			switch name {
			case "tokenizer.json":
				return []byte(tiny), nil
			case "tokenizer_config.json":
				return config, nil
			case "config.json":
				return model, nil
			}
			return nil, fs.ErrNotExist
		})
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrVocabulary) && !errors.Is(err, ErrLimit) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		encode(t, tok, "aab<s><e>", true)
	})
}
