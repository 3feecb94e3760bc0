package tokenizer

import (
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// TestNormalForms compares with golang.org/x/text where both have the same idea: no very long runs of marks, no late
// characters, no starters that compose backwards (U+09BE, U+FF9E), over which x/text composes what they block.
func TestNormalForms(t *testing.T) {
	alphabet := []rune("aeouAKΩΑΙ \u0301\u0300\u0308\u0323\u0316\u0327\u0310\u0334\u0345\u030a\u03b9áǖệÅÅΩﬁ①ｶカ\u3099각가ᄀ\u1161\u11a8\u0f71\u0f72\u0f74ཱཱིི\u0344\u2adc")
	for form, want := range map[normalForm]norm.Form{nfc: norm.NFC, nfd: norm.NFD, nfkc: norm.NFKC, nfkd: norm.NFKD} {
		rapid.Check(t, func(t *rapid.T) {
			text := string(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 20).Draw(t, "text"))
			if got, want := form.normalize(text, new(work)), want.String(text); got != want {
				t.Fatalf("form %d of %+q: got %+q, want %+q", form, text, got, want)
			}
		})
	}
}
