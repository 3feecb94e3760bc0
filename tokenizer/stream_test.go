package tokenizer

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// encode is Encode of a text that the tokenizer must be able to encode.
func encode(t testing.TB, tok *Tokenizer, text string, special bool) []int {
	t.Helper()
	ids, err := tok.Encode(text, special)
	if err != nil {
		t.Errorf("%.100q: %v", text, err)
	}
	return ids
}

// checkStream checks that a stream gives whole characters that together are what Decode gives.
func checkStream(t testing.TB, tok *Tokenizer, ids []int) {
	t.Helper()
	d := tok.Stream()
	var b strings.Builder
	for i, id := range ids {
		s := d.Next(id)
		if !utf8.ValidString(s) {
			t.Errorf("ids %v: Next of number %d splits a character: %q", ids, i, s)
		}
		b.WriteString(s)
	}
	b.WriteString(d.Flush())
	if want := tok.Decode(ids); b.String() != want {
		t.Errorf("ids %v: the stream gives %q, Decode %q", ids, b.String(), want)
	}
}

// TestConcurrent uses one tokenizer from many goroutines: the race detector and the cache get something to do.
func TestConcurrent(t *testing.T) {
	small := smallTokenizers(t)["bpe-llama3"]
	tok, err := Parse(small.Tokenizer, nil)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for k := range 8 {
		group.Go(func() {
			for i := range small.Vectors {
				v := small.Vectors[(i+k*11)%len(small.Vectors)]
				if v.Text != nil && !slices.Equal(encode(t, tok, *v.Text, true), v.Special) {
					t.Errorf("%q", *v.Text)
				}
				if text := tok.Decode(v.Special); text != v.Decoded {
					t.Errorf("%v: %q", v.Special, text)
				}
			}
		})
	}
	group.Wait()
}
