package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestAppendBytes: the bytes of tokens behind each other are the text.
func TestAppendBytes(t *testing.T) {
	for name, small := range smallTokenizers(t) {
		if strings.Contains(name, "wordpiece") || strings.Contains(name, "prefix") || strings.Contains(name, "unigram") || strings.Contains(name, "suffix") {
			continue // their decoders look at neighbours
		}
		tok, err := Parse(small.Tokenizer, nil)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, 2))
		for _, v := range small.Vectors {
			ids := v.Special
			if v.Text == nil || len(ids) < 2 {
				ids = []int{random.IntN(tok.VocabSize()), random.IntN(tok.VocabSize())}
			}
			var got []byte
			for _, id := range ids[1:] {
				got = tok.AppendBytes(got, id)
			}
			want, first := tok.DecodeSkip(ids, true), tok.DecodeSkip(ids[:1], true)
			if utf8.Valid(got) && !strings.Contains(first, "\ufffd") && strings.HasPrefix(want, first) && want != first+string(got) && strings.TrimPrefix(want, first) != strings.TrimPrefix(string(got), " ") {
				t.Errorf("%s: %v are %q, not %q behind %q", name, ids, got, want, first)
			}
		}
	}
}
