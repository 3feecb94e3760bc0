package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// vector is what Hugging Face's tokenizers say about a text, or, without one, about ids.
type vector struct {
	Text             *string
	IDs, Special     []int
	Decoded, Skipped string
}

// TestLargeTokenizers compares with Hugging Face's tokenizers on those of real models, which testdata/fetch.sh fetches.
func TestLargeTokenizers(t *testing.T) {
	dir := os.Getenv("HELIX_TOKENIZERS")
	if dir == "" {
		t.Skip("HELIX_TOKENIZERS is not set; see testdata/fetch.sh")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "vectors.json"))
	if len(files) == 0 {
		t.Fatalf("no */vectors.json in %s", dir)
	}
	for _, file := range files {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(folder, "tokenizer.json"))
			if err != nil {
				t.Fatal(err)
			}
			tok, err := Parse(data, nil)
			if err != nil {
				t.Fatal(err)
			}
			var vectors []vector
			readJSON(t, file, &vectors)
			compare(t, tok, vectors)
			if _, err := Open(folder); err != nil { // with its tokenizer_config.json
				t.Error(err)
			}
		})
	}
}

func readJSON(t testing.TB, file string, v any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(file, err)
	}
}

// compare reports every difference, the first ones in full.
func compare(t *testing.T, tok *Tokenizer, vectors []vector) {
	t.Helper()
	wrong, texts := 0, 0
	report := func(what string, v vector, got any) {
		t.Helper()
		if wrong++; wrong <= 4 {
			text := ""
			if v.Text != nil {
				text = *v.Text
			}
			t.Errorf("%s of %.200q\ngot  %v\nwant %v %v\n     %q", what, text, got, v.IDs, v.Special, v.Decoded)
		}
	}
	for _, v := range vectors {
		if v.Text != nil {
			texts++
			if ids := encode(t, tok, *v.Text, false); !slices.Equal(ids, v.IDs) {
				report("ids", v, ids)
			}
			if ids := encode(t, tok, *v.Text, true); !slices.Equal(ids, v.Special) {
				report("ids with special tokens", v, ids)
			}
			if ids := encode(t, tok, *v.Text, false); !slices.Equal(ids, v.IDs) {
				report("ids again", v, ids) // now from the cache
			}
		}
		if text := tok.Decode(v.Special); text != v.Decoded {
			report("text", v, text)
		}
		if text := tok.DecodeSkip(v.Special, true); text != v.Skipped {
			report("text without special tokens", v, text)
		}
		checkStream(t, tok, v.Special)
	}
	if wrong > 0 {
		t.Errorf("%d differences", wrong)
	}
	t.Logf("%d texts, %d sequences of ids", texts, len(vectors))
}
