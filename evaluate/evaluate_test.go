package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/transformer"
)

const shared = "../../shared"

func need(t *testing.T, path string) string {
	t.Helper()
	path = filepath.Join(shared, path)
	if _, err := os.Stat(path); err != nil {
		t.Skip("../shared is not beside the repository")
	}
	return path
}

// open returns a session, the text's ids and the token that begins windows.
func open(t *testing.T, path, text string) (*transformer.Model, *transformer.Session, []int, int) {
	t.Helper()
	m, err := transformer.Open(context.Background(), path, transformer.Options{Context: 512})
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	})
	tok, err := generate.OpenTokenizer(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	bos, ok := tok.BOS()
	if !ok {
		bos = -1
	}
	ids, err := tok.Encode(string(b), true)
	if err != nil {
		t.Fatal(err)
	}
	return m, s, ids, bos
}

// TestLlamaCppPerplexity compares with llama.cpp's figures.
func TestLlamaCppPerplexity(t *testing.T) {
	if testing.Short() {
		t.Skip("15,000 tokens")
	}
	text := need(t, "text/tinystories-20k.txt")
	for file, want := range map[string]float64{"s260k-f32.gguf": 3.9060, "s260k-Q8_0.gguf": 3.9071, "s260k-Q4_0.gguf": 4.1766} {
		_, s, ids, bos := open(t, need(t, "models/stories260K-gguf/"+file), text)
		r, err := Perplexity(t.Context(), s, ids, 256, bos, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.4f ± %.4f on %d tokens", file, r.Perplexity, r.StdErr, r.Tokens)
		if math.Abs(r.Perplexity-want) > 0.002 {
			t.Errorf("%s: perplexity %.4f, llama.cpp gives %.4f", file, r.Perplexity, want)
		}
	}
}

func TestDivergence(t *testing.T) {
	src, text := need(t, "models/tinystories-656k-bf16"), need(t, "text/tinystories-20k.txt")
	_, reference, ids, bos := open(t, src, text)
	ids = ids[:1024]
	m, same, _, _ := open(t, src, text)
	r, err := Divergence(t.Context(), same, reference, m.Config.Vocab, ids, 256, bos, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.MeanKLD > 1e-9 || r.SameTop != 1 || r.RMSDeltaP != 0 || r.DeltaPerplexity != 0 || r.Tokens != 4*127 {
		t.Errorf("a model against itself: %+v", r)
	}
	before := 0.0
	sessions, alone := []*transformer.Session{same}, []*DivergenceResult{r}
	for _, snr := range []float64{35, 21, 12} {
		dir := filepath.Join(t.TempDir(), "model")
		convertTo(t, src, dir, fmt.Sprint("snr=", snr))
		m, s, _, _ := open(t, dir, text)
		r, err := Divergence(t.Context(), s, reference, m.Config.Vocab, ids, 256, bos, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%g dB: %+v", snr, r)
		if r.MeanKLD <= before || r.MaxKLD < r.P999KLD || r.P999KLD < r.P99KLD || r.P99KLD < r.MedianKLD {
			t.Errorf("%g dB: %+v", snr, r)
		}
		before = r.MeanKLD
		sessions, alone = append(sessions, s), append(alone, r)
		p, err := Perplexity(t.Context(), s, ids, 256, bos, nil)
		if err != nil || math.Abs(p.Perplexity-r.Perplexity) > 1e-9 {
			t.Errorf("%g dB: perplexity %v alone, %v beside the reference (%v)", snr, p.Perplexity, r.Perplexity, err)
		}
	}
	together, err := Divergences(t.Context(), sessions, reference, m.Config.Vocab, ids, 256, bos, nil)
	if err != nil || !reflect.DeepEqual(together, alone) {
		t.Errorf("together %+v, alone %+v (%v)", together, alone, err)
	}
}

func TestWindows(t *testing.T) {
	w, err := newWindows([]int{1, 2, 3, 4, 5, 6, 7, 8, 9}, 4, 0)
	if err != nil || w.count() != 2 || w.at(1)[0] != 0 || w.at(1)[3] != 8 || w.at(0)[1] != 2 {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := newWindows([]int{1, 2, 3}, 4, 0); !errors.Is(err, ErrText) {
		t.Errorf("short text: %v", err)
	}
	if _, err := newWindows(make([]int, 10), 3, 0); !errors.Is(err, transformer.ErrOption) {
		t.Error("windows of 3")
	}
}

// TestWindowByWindow: windows that are scored by themselves sum up to the bits of all.
func TestWindowByWindow(t *testing.T) {
	dir := t.TempDir()
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("One day, Lily went to the park with her mom. She saw a big red ball. ", 9)), 0o666); err != nil {
		t.Fatal(err)
	}
	m, s, ids, bos := open(t, dir, text)
	_, reference, _, _ := open(t, dir, text)
	list, err := Windows(ids, 24, bos)
	if err != nil || len(list) != len(ids)/24 || len(list) < 4 {
		t.Fatalf("%d windows, %v", len(list), err)
	}
	nats, differences := make([][]float64, len(list)), make([][]Difference, len(list))
	comparer := NewComparer([]*transformer.Session{s}, reference, m.Config.Vocab)
	for i := range slices.Backward(list) { // in any order
		if nats[i], err = Nats(t.Context(), s, list[i]); err != nil {
			t.Fatal(err)
		}
		d, err := comparer.Window(t.Context(), list[i])
		if err != nil {
			t.Fatal(err)
		}
		if differences[i] = d[0]; len(d[0]) != Scored(24) || len(nats[i]) != Scored(24) {
			t.Fatalf("%d and %d tokens of a window, not %d", len(nats[i]), len(d[0]), Scored(24))
		}
	}
	want, err := Perplexity(t.Context(), s, ids, 24, bos, nil)
	if got := PerplexityOf(nats); err != nil || *got != *want {
		t.Errorf("%+v, of all %+v (%v)", got, want, err)
	}
	all, err := Divergence(t.Context(), s, reference, m.Config.Vocab, ids, 24, bos, nil)
	if got := DivergenceOf(differences); err != nil || *got != *all {
		t.Errorf("%+v, of all %+v (%v)", got, all, err)
	}
}

func TestNotNumbers(t *testing.T) {
	p := &newPredictions(1, 2)[0]
	nan := float32(math.NaN())
	if err := p.set([]float32{nan, 2}); !errors.Is(err, ErrLogits) {
		t.Errorf("the reference's NaN: %v", err)
	}
	if err := p.set([]float32{1, 2}); err != nil {
		t.Errorf("the reference's numbers: %v", err)
	}
	if _, err := p.differ([]float32{1, nan}, 0); !errors.Is(err, ErrLogits) {
		t.Errorf("NaN: %v", err)
	}
	if _, err := p.differ([]float32{1, 3}, 0); err != nil {
		t.Errorf("numbers: %v", err)
	}
}

// TestPredictions: what is kept of a reference's predictions gives the bits of the formula Σ p·ln(p/q).
func TestPredictions(t *testing.T) {
	logits, q := someLogits(5000)
	p := &newPredictions(2, len(q))[1]
	if err := p.set(logits); err != nil {
		t.Fatal(err)
	}
	d, err := p.differ(q, 7)
	if err != nil {
		t.Fatal(err)
	}
	lp, lq, kld := logSumExp(logits), logSumExp(q), 0.0
	for i := range q {
		a, b := float64(logits[i])-lp, float64(q[i])-lq
		kld += float64(detmath.Exp64(a) * (a - b))
	}
	top := func(x []float32) int { return slices.Index(x, slices.Max(x)) }
	if d.KLD != kld || d.P != float64(logits[7])-lp || d.Q != float64(q[7])-lq || d.SameTop != (top(logits) == top(q)) {
		t.Errorf("%+v, want a divergence of %v", d, kld)
	}
}

// TestVocabulary: a text of tokens that the model does not have, also where it only ends with
// one, and models of other vocabularies, are refused.
func TestVocabulary(t *testing.T) {
	dir := t.TempDir()
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	m, err := transformer.Open(t.Context(), dir, transformer.Options{Context: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var s [2]*transformer.Session
	for i := range s {
		if s[i], err = m.NewSession(); err != nil {
			t.Fatal(err)
		}
		defer s[i].Close()
	}
	vocab := m.Config.Vocab
	for _, c := range []struct {
		ids   []int
		vocab int
		want  error
	}{
		{[]int{1, 2, 3, 4}, vocab, nil}, {[]int{1, 2, 3, vocab}, vocab, transformer.ErrToken}, {[]int{1, 2, 3, -1}, vocab, transformer.ErrToken},
		{[]int{1, vocab, 2, 3}, vocab, transformer.ErrToken}, {[]int{1, 2, 3, 4}, vocab - 1, ErrVocabulary},
	} {
		if _, err := Divergence(t.Context(), s[0], s[1], c.vocab, c.ids, 4, -1, nil); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.ids, err, c.want)
		}
		if c.want == ErrVocabulary {
			continue
		}
		if _, err := Perplexity(t.Context(), s[0], c.ids, 4, -1, nil); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.ids, err, c.want)
		}
	}
}
