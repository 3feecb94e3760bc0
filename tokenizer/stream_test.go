package tokenizer

import (
	"strings"
	"testing"
	"unicode/utf8"
)

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
