package transformer

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/stream"
)

// TestLayersAreTheModel: every family's last states have the same bits layer by layer, for any
// length of the passes, within a ledger that has room for one layer.
func TestLayersAreTheModel(t *testing.T) {
	for _, name := range fixtureNames(t) {
		t.Run(name, func(t *testing.T) {
			f := openFixture(t, name)
			m := openModel(t, f.dir, Options{Context: f.Context})
			want := states(t, m, f.Tokens)
			var whole map[string][]float32
			for _, chunk := range []int{len(f.Tokens), 5} {
				got, logits, inputs, lengths := statesByLayer(t, f, chunk)
				if whole == nil {
					whole = inputs
				}
				seen := map[string]int{}
				for in, x := range inputs {
					if !slices.Equal(x, whole[in]) {
						t.Errorf("passes of %d: other vectors of %s, or in another order", chunk, in)
					}
					seen[in] = len(x) / lengths[in]
				}
				err := m.Logits(t.Context(), f.Tokens, func(i int, want []float32) error {
					if !slices.Equal(logits[i*len(want):][:len(want)], want) {
						t.Fatalf("passes of %d: the logits of token %d differ", chunk, i)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				for i, v := range got {
					if math.Float32bits(v) != math.Float32bits(want[i]) {
						t.Fatalf("passes of %d: value %d is %v, the model has %v", chunk, i, v, want[i])
					}
				}
				wanted := 0
				for l := range f.config.Layers {
					if f.config.HasAttention(l) {
						wanted += 2
					}
					if f.config.State(l) > 0 {
						wanted += 2
					}
					if f.config.HasFFN(l) {
						wanted += 2
					}
					if f.config.Latent.KV > 0 {
						wanted += 2 // those of what keys and values are made of, and of these
					}
					if f.config.HasExperts(l) && f.config.Experts.Shared > 0 {
						wanted++
					}
					if f.config.HasExperts(l) && f.config.Experts.Beside {
						wanted += 3 // the router's, and the experts' two
					}
					if f.config.PerLayer.Len > 0 {
						wanted += 2
					}
				}
				for in, n := range seen {
					each := 1
					if strings.HasSuffix(in, ".expert_down") {
						each = f.config.Experts.PerToken
					}
					if n != each*len(f.Tokens) {
						t.Errorf("passes of %d: %d vectors of %s were seen, of %d tokens", chunk, n, in, len(f.Tokens))
					}
				}
				if len(seen) != wanted {
					t.Errorf("%d inputs of %d layers were seen, not %d", len(seen), f.config.Layers, wanted)
				}
			}
		})
	}
}

// states returns the states after the last norm.
func states(t *testing.T, m *Model, ids []int) []float32 {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []float32
	err = m.Forward(t.Context(), []Step{{Session: s, IDs: ids, Hidden: func(_ int, state []float32) error {
		all = append(all, state...)
		return nil
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// statesByLayer is states layer by layer, with the logits; seen has the vectors of each input.
func statesByLayer(t *testing.T, f *fixture, chunk int) (x, logits []float32, seen map[string][]float32, lengths map[string]int) {
	t.Helper()
	l, err := OpenLayers(t.Context(), located(t, f.dir), LayersOptions{Context: f.Context})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reserved, _ := l.Passes(chunk)
	largest := int64(0)
	for i := range l.Config.Layers {
		largest = max(largest, l.Memory(i))
	}
	ledger := memory.NewLedger(reserved + largest)
	if err := l.Begin(t.Context(), ledger, chunk); err != nil {
		t.Fatal(err)
	}
	n := l.Width()
	x, seen = make([]float32, len(f.Tokens)*n), map[string][]float32{}
	lengths = map[string]int{}
	ids := slices.Clone(f.Tokens)
	slices.Sort(ids)
	err = l.Embed(t.Context(), slices.Compact(ids), func(id int, e []float32) error {
		for i, token := range f.Tokens {
			if token == id {
				copy(x[i*n:], e)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range l.Config.Layers {
		y, err := l.Layer(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		err = y.Run(t.Context(), x, func(in *Input, v []float32) error {
			if !slices.ContainsFunc(l.Inputs(i), func(other Input) bool { return other.Name == in.Name }) {
				t.Errorf("layer %d has no %s", i, in.Name)
			}
			seen[in.Name], lengths[in.Name] = append(seen[in.Name], v...), in.Len
			return nil
		})
		if err = errors.Join(err, y.Close()); err != nil {
			t.Fatal(err)
		}
	}
	x = l.Vectors(x)
	l.Norm(x)
	logits = logitsByPart(t, l, x)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if n := ledger.Used(); n != 0 {
		t.Errorf("%d bytes were not given back", n)
	}
	if peak := ledger.Peak(); peak != reserved+largest {
		t.Errorf("at most %d bytes were in use, %d were planned", peak, reserved+largest)
	}
	return x, logits, seen, lengths
}

// logitsByPart are the logits after vectors x, some of the vocabulary at a time.
func logitsByPart(t *testing.T, l *Layers, x []float32) []float32 {
	t.Helper()
	const part = 7
	h, err := l.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, vocab := len(x)/l.Config.Hidden, l.Config.Vocab
	logits := make([]float32, n*vocab)
	for first := 0; first < vocab; first += part {
		last := min(first+part, vocab)
		y := make([]float32, n*(last-first))
		if err := h.Logits(t.Context(), y, x, first, last); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			copy(logits[i*vocab+first:], y[i*(last-first):][:last-first])
		}
	}
	if err := h.Logits(t.Context(), logits, x, 0, vocab+1); !errors.Is(err, stream.ErrShape) {
		t.Errorf("more tokens than there are: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	return logits
}

// invented is something that a layer can be given of a fixture's tokens.
func invented(f *fixture, l *Layers) []float32 {
	x := make([]float32, len(f.Tokens)*l.Width())
	for i := range x {
		x[i] = float32(i%37)/16 - 1
	}
	for i, id := range f.Tokens {
		l.carried.begin(x[i*l.Width():], id)
	}
	return x
}

// TestRunTo: every family's inputs are those that Run shows, what is added to the residual stream is told as it is
// then, in passes of any length, and a run ends behind the input that it is to go to.
func TestRunTo(t *testing.T) {
	adding := 0
	for _, name := range fixtureNames(t) {
		f := openFixture(t, name)
		for _, chunk := range []int{len(f.Tokens), 3} {
			l, err := OpenLayers(t.Context(), located(t, f.dir), LayersOptions{Context: f.Context})
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Begin(t.Context(), nil, chunk); err != nil {
				t.Fatal(err)
			}
			y, err := l.Layer(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			start := invented(f, l)
			seen := map[string][]float32{}
			whole := slices.Clone(start)
			if err := y.Run(t.Context(), whole, func(in *Input, v []float32) error {
				seen[in.Name] = append(seen[in.Name], v...)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			all := l.Inputs(1)
			for k := range all {
				last := &all[k]
				if k == len(all)-1 {
					last = nil // all of the layer
				}
				got, sums := map[string][]float32{}, map[string][]float32{}
				x := slices.Clone(start)
				if err := y.RunTo(t.Context(), x, last, func(in *Input, v, sum []float32) error {
					if in.Adds != (sum != nil) {
						t.Errorf("%s: %s adds: %v, %d sums", name, in.Name, in.Adds, len(sum))
					}
					got[in.Name], sums[in.Name] = append(got[in.Name], v...), append(sums[in.Name], sum...)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				for i := range all {
					if in := &all[i]; i <= k && !slices.Equal(got[in.Name], seen[in.Name]) || i > k && len(got[in.Name]) > 0 {
						t.Errorf("%s, passes of %d, to %s: %d values of %s, Run shows %d", name, chunk, all[k].Name, len(got[in.Name]), in.Name, len(seen[in.Name]))
					}
				}
				if last != nil {
					continue
				}
				if !slices.Equal(x, whole) {
					t.Errorf("%s: all of a layer gives other vectors than Run", name)
				}
				if in := &all[k]; in.Adds {
					adding++
					if !slices.Equal(sums[in.Name], whole) {
						t.Errorf("%s: %s: not the vectors behind the layer", name, in.Name)
					}
				}
			}
			if err := errors.Join(y.Close(), l.Close()); err != nil {
				t.Error(err)
			}
		}
	}
	if adding == 0 {
		t.Error("no family adds what its last matrix gives")
	}
}

// TestAdds: what is added to the residual stream is the products times Input.Scale.
func TestAdds(t *testing.T) {
	for _, name := range fixtureNames(t) {
		f := openFixture(t, name)
		l, err := OpenLayers(t.Context(), located(t, f.dir), LayersOptions{Context: f.Context})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Begin(t.Context(), nil, len(f.Tokens)); err != nil {
			t.Fatal(err)
		}
		y, err := l.Layer(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		for k := range l.Inputs(1) {
			in := &l.Inputs(1)[k]
			if !in.Adds || len(in.Tensors) != 1 {
				continue
			}
			sumWith := func(diagonal float32) (v, sum []float32) { // in place of the matrix
				restore, err := y.Replace(in.Tensors[0], func(dst []float32, a, b int) error {
					clear(dst)
					for r := a; r < min(b, in.Len); r++ {
						dst[(r-a)*in.Len+r] = diagonal
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				x := invented(f, l)
				err = y.RunTo(t.Context(), x, in, func(seen *Input, z, s []float32) error {
					if seen == in {
						v, sum = slices.Clone(z), slices.Clone(s)
					}
					return nil
				})
				if err := errors.Join(err, restore()); err != nil {
					t.Fatal(err)
				}
				return v, sum
			}
			v, sum := sumWith(1)
			_, rest := sumWith(0)
			for i := range min(in.Len, l.Config.Hidden) {
				if got, want := sum[i]-rest[i], in.Scale*v[i]; math.Abs(float64(got-want)) > 1e-5 {
					t.Errorf("%s: %s: %v is added for %v, want %v", name, in.Name, got, v[i], want)
					break
				}
			}
		}
		if err := errors.Join(y.Close(), l.Close()); err != nil {
			t.Error(err)
		}
	}
}
