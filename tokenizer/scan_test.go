package tokenizer

import (
	"slices"
	"testing"
	"time"
	"unicode"

	"github.com/dlclark/regexp2/v2"
	"pgregory.net/rapid"
)

// alphabetOfPatterns has characters of every class that patterns tell apart, and what they name.
var alphabetOfPatterns = []rune("abzABZ019 \t\n\r\v'''sStTlLdDmMrReEvV.,!/-+=$_~ſKéÉßǅʰªאا中日ひカ一龥々한\u0301\u0903\u200d\u00a0\u3000\u0085²½٣Ⅷ।。—€😀𝒜𐐀𐐨\U00010d50\U00010d40\u0897\U000e0100\U0002ebf0\x00\x7f\ufffd\ue000\u0378")

// TestScanners compares the patterns matched by hand with this package's engine for regular expressions, and that with regexp2.
func TestScanners(t *testing.T) {
	for expr, match := range scanners {
		engine, err := newExpression(expr)
		if err != nil {
			t.Fatal(err)
		}
		other := newOther(t, expr)
		byHand := scanner{match, classes()}
		check := func(t rapid.TB, text string) {
			comparePattern(t, expr, byHand, engine, text)
			if got, want := engine.find(nil, text, plenty()), other.find(text); !slices.Equal(got, want) {
				t.Fatalf("%s\n%q: got %v, regexp2 %v", expr, text, got, want)
			}
		}
		rapid.Check(t, func(t *rapid.T) {
			check(t, string(rapid.SliceOfN(rapid.SampledFrom(alphabetOfPatterns), 0, 24).Draw(t, "text")))
		})
		for _, text := range []string{"", "   ", " \n ", "'s", "a's", "'S'ſx", "  a", "\r\n\r\nx", "12345", " 1", "...\n\n", "\u0301a", "x\u0301Y"} {
			check(t, text)
		}
	}
}

// plenty is work enough for any test.
func plenty() *work {
	w := allowance(1 << 20)
	return &w
}

// otherEngine is regexp2, for comparison.
type otherEngine struct{ re *regexp2.Regexp }

func newOther(t rapid.TB, expr string) otherEngine {
	t.Helper()
	re, err := regexp2.Compile(expr, regexp2.Multiline)
	if err != nil {
		t.Fatal(expr, err)
	}
	re.MatchTimeout = 10 * time.Second
	return otherEngine{re}
}

func (o otherEngine) find(s string) (found []span) {
	text, offsets := []rune{}, []int{}
	for i, r := range s {
		text, offsets = append(text, standIn(r)), append(offsets, i)
	}
	offsets = append(offsets, len(s))
	_ = o.re.FindRunesMatches(text, 0, func(m regexp2.MatchView) bool {
		index, length, ok := m.GroupRange(0)
		if ok {
			found = append(found, span{offsets[index], offsets[index+length]})
		}
		return ok
	})
	return found
}

func comparePattern(t rapid.TB, expr string, byHand, engine pattern, text string) {
	t.Helper()
	got, want := byHand.find(nil, text, plenty()), engine.find(nil, text, plenty())
	if expr == gpt2GGUF { // the engine leaves the end of the white space to no match, the scanner takes it as one
		whole := splitter{behavior: isolated}
		if !slices.Equal(whole.cut(nil, piece{text: text}, got), whole.cut(nil, piece{text: text}, want)) {
			t.Fatalf("%s\n%q: got %v, want %v", expr, text, got, want)
		}
		return
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%s\n%q: got %v, want %v", expr, text, got, want)
	}
}

// TestClasses compares the class table with package unicode, which knows no more than Unicode 15.
func TestClasses(t *testing.T) {
	table := classes()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if 0xd800 <= r && r < 0xe000 || newer(r) != 0 {
			continue
		}
		var want class
		for _, c := range []struct {
			table *unicode.RangeTable
			class class
		}{{unicode.Lu, upper}, {unicode.Lt, upper}, {unicode.Ll, lower}, {unicode.Lm, caseless}, {unicode.Lo, caseless},
			{unicode.M, mark}, {unicode.N, number}, {unicode.P, punct}, {unicode.S, symbol}, {unicode.White_Space, space}} {
			if unicode.Is(c.table, r) {
				want |= c.class
			}
		}
		if r == '\r' || r == '\n' {
			want |= newline
		}
		if got, _ := table.at(string(r), 0); got != want {
			t.Fatalf("%U: got %b, want %b", r, got, want)
		}
	}
}
