package tokenizer

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// smallTokenizers are the tokenizers in testdata/small with what Hugging Face's say.
func smallTokenizers(t testing.TB) map[string]smallTokenizer {
	t.Helper()
	files, err := filepath.Glob("testdata/small/*.json")
	if err != nil || len(files) < 40 {
		t.Fatal(len(files), err)
	}
	all := map[string]smallTokenizer{}
	for _, file := range files {
		var s smallTokenizer
		readJSON(t, file, &s)
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = s
	}
	return all
}

type smallTokenizer struct {
	Tokenizer json.RawMessage
	Vectors   []vector
}

// TestSmallTokenizers compares every component with Hugging Face's tokenizers, on tokenizers made by testdata/small.py.
func TestSmallTokenizers(t *testing.T) {
	for name, s := range smallTokenizers(t) {
		t.Run(name, func(t *testing.T) {
			tok, err := Parse(s.Tokenizer, nil)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, tok, s.Vectors)
		})
	}
}
