package generate

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestStopTexts cuts texts into pieces in all ways: what comes out is the text up to the
// stop text that ends first, however it is cut, and nothing of it comes too early.
func TestStopTexts(t *testing.T) {
	word := rapid.StringMatching(`[ab]{0,3}|[abé]{1,5}`)
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(word, 0, 3).Draw(t, "stop texts")
		pieces := rapid.SliceOfN(word, 0, 8).Draw(t, "pieces")
		all := strings.Join(pieces, "")
		want, stopped := all, false
		for end := range len(all) + 1 { // the readable way
			longest := -1
			for _, s := range texts {
				if s != "" && len(s) > longest && strings.HasSuffix(all[:end], s) {
					longest = len(s)
				}
			}
			if longest > 0 {
				want, stopped = all[:end-longest], true
				break
			}
		}
		s := stopTexts{texts: texts}
		got := ""
		for _, p := range pieces {
			certain, _ := s.next(p)
			if got += certain; !strings.HasPrefix(want, got) {
				t.Fatalf("%q came of %q before %q", got, pieces, texts)
			}
		}
		rest, found := s.flush("")
		if got+rest != want || found != stopped {
			t.Fatalf("%q up to %q: %q, %v; want %q, %v", pieces, texts, got+rest, found, want, stopped)
		}
	})
}

// TestRunStopText ends a run where a stop text begins; the tokens are those that made it.
func TestRunStopText(t *testing.T) {
	g, s := start(t, convertDemo(t), runOptions, Options{})
	ids := encode(t, g.Tokenizer, opening, true)
	discard := func(string) error { return nil }
	whole, err := g.Run(t.Context(), s, ids, 40, discard)
	if err != nil {
		t.Fatal(err)
	}
	stop := whole.Text[20:26]
	at := strings.Index(whole.Text, stop)
	g.StopTexts = []string{"nowhere in it", stop}
	for _, n := range []int{40, 1 << 20} {
		s.Reset(0)
		var emitted strings.Builder
		r, err := g.Run(t.Context(), s, ids, n, func(text string) error {
			emitted.WriteString(text)
			return nil
		})
		if err != nil || r.Text != whole.Text[:at] || emitted.String() != r.Text || r.Stop != StopToken || r.StopText != stop || len(r.OutputIDs) >= 40 {
			t.Errorf("%q, %s, %d tokens, %v; want %q", r.Text, r.Stop, len(r.OutputIDs), err, whole.Text[:at])
		}
	}
}

// TestRunBreak ends a run by what emit returns.
func TestRunBreak(t *testing.T) {
	g, s := start(t, convertDemo(t), runOptions, Options{})
	r, err := g.Run(t.Context(), s, encode(t, g.Tokenizer, opening, true), 40, func(string) error { return ErrBreak })
	if err != nil || r.Stop != StopCancel || len(r.OutputIDs) != 1 {
		t.Errorf("%s, %d tokens, %v", r.Stop, len(r.OutputIDs), err)
	}
}
