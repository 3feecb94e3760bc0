package calibrate

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// recorded are the vectors that each matrix of a model was given.
type recorded struct {
	stream.Matrix
	name string
	all  map[string][]float32
}

func (r recorded) RowsDot(ctx context.Context, y, x []float32, a, b int) (stream.Stats, error) {
	if a == 0 || ofExperts(r.name) { // of several parts of a fused matrix one
		r.all[r.name] = append(r.all[r.name], x...)
	}
	return r.Matrix.RowsDot(ctx, y, x, a, b)
}

func ofExperts(name string) bool { return strings.Contains(name, ".experts.") }

// oracle returns the vectors of windows that each matrix of a model is given, by running it whole.
func oracle(t *testing.T, model string, list [][]int) map[string][]float32 {
	t.Helper()
	m, err := transformer.Open(t.Context(), model, transformer.Options{Context: len(list[0])})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	all := map[string][]float32{}
	trace := &transformer.Trace{Matrix: func(name string, w stream.Matrix) stream.Matrix { return recorded{w, name, all} }}
	l, err := transformer.OpenLayers(t.Context(), located(t, model), transformer.LayersOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Begin(t.Context(), nil, 1); err != nil {
		t.Fatal(err)
	}
	for i, window := range list {
		if isHeldOut(i) {
			continue
		}
		if !m.Config.LayersAlone() || m.Config.Experts.Beside { // the model has no layers to run by themselves: what it makes of them in the end has to do
			layerByLayer(t, model, window, all)
			states(t, m, window, all)
			continue
		}
		x := stream.Tensor{Shape: []int{len(window), m.Config.Hidden}}
		for _, id := range window {
			err := l.Embed(t.Context(), []int{id}, func(_ int, e []float32) error {
				x.Data = append(x.Data, e...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for layer := range m.Config.Layers {
			x, err = m.Block(t.Context(), layer, x, 0, trace)
			if errors.Is(err, transformer.ErrLayer) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		states(t, m, window, all)
	}
	return all
}

// states appends what the output head is given of a window.
func states(t *testing.T, m *transformer.Model, window []int, all map[string][]float32) {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	err = m.Forward(t.Context(), []transformer.Step{{Session: s, IDs: window, Hidden: func(_ int, state []float32) error {
		all["head"] = append(all["head"], state...)
		return nil
	}}})
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// layerByLayer appends what matrices are given of a window that goes through a model's layers by itself.
func layerByLayer(t *testing.T, model string, window []int, all map[string][]float32) {
	t.Helper()
	l, err := transformer.OpenLayers(t.Context(), located(t, model), transformer.LayersOptions{Context: len(window)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Begin(t.Context(), nil, len(window)); err != nil {
		t.Fatal(err)
	}
	var x []float32
	for _, id := range window {
		if err := l.Embed(t.Context(), []int{id}, func(_ int, e []float32) error {
			x = append(x, e...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range l.Config.Layers {
		y, err := l.Layer(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		err = y.Run(t.Context(), x, func(in *transformer.Input, v []float32) error {
			for _, name := range in.Tensors {
				all[name] = append(all[name], v...)
			}
			return nil
		})
		if err := errors.Join(err, y.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// sameAsOracle compares every Σ with that of the vectors, in float64, one after the other. Those of experts
// come in another order, and Σ of what they are chosen for is that of all vectors.
func sameAsOracle(t *testing.T, s *Statistics, all map[string][]float32, matrices int) {
	t.Helper()
	for name := range all {
		in, ok := s.For(arch.StoredName(name, func(stored string) bool { _, ok := s.For(stored); return ok }))
		if name == "head" {
			in = s.Inputs()[len(s.Inputs())-1]
		} else if !ok {
			t.Errorf("nothing is known of %s", name)
			continue
		}
		x := all[name]
		n, tolerance := int64(len(x)/in.N), 0.0
		if ofExperts(name) {
			tolerance = 1e-6
		}
		if n != in.Tokens && !(ofExperts(name) && n%in.Tokens == 0) || n != in.Tokens && strings.Contains(name, "down_proj") {
			t.Fatalf("%s: %d vectors, the mean is of %d", name, n, in.Tokens)
		}
		g := make([]float32, in.N*(in.N+1)/2)
		if err := s.Gram(t.Context(), g, in.Key); err != nil {
			t.Fatal(err)
		}
		k := 0
		for i := range in.N {
			for j := range i + 1 {
				sum := 0.0
				for at := 0; at < len(x); at += in.N {
					sum = math.FMA(float64(x[at+i]), float64(x[at+j]), sum)
				}
				if want := float32(sum / float64(n)); g[k] != want && !(math.Abs(float64(g[k]-want)) < tolerance) {
					t.Fatalf("%s: Σ[%d, %d] is %v, want %v", name, i, j, g[k], want)
				}
				k++
			}
		}
	}
	if len(all) != matrices+1 {
		t.Errorf("%d inputs were recorded, want %d matrices' and the head's", len(all), matrices)
	}
}

// TestFamilies: every family's Σ are those of what its matrices are given when the model runs
// whole.
func TestFamilies(t *testing.T) {
	const fixtures = "../transformer/testdata/fixtures"
	entries, err := os.ReadDir(fixtures)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, e := range entries {
		dir := filepath.Join(fixtures, e.Name())
		if _, err := os.Stat(filepath.Join(dir, "model.safetensors")); err != nil {
			continue
		}
		tried++
		t.Run(e.Name(), func(t *testing.T) {
			var given struct {
				Tokens []int `json:"tokens"`
			}
			if err := json.Unmarshal(readFile(t, filepath.Join(dir, "case.json")), &given); err != nil {
				t.Fatal(err)
			}
			c, err := openModel(t.Context(), located(t, dir), Options{Context: 16})
			if err != nil {
				t.Fatal(err)
			}
			var ids []int
			for len(ids) < 9*16 {
				ids = append(ids, given.Tokens...)
			}
			list := windows(ids, 16, nil, nil)
			if err := c.setWindows(list, strings.Repeat("0", 64)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "statistics")
			if err := c.run(t.Context(), located(t, dir), path, memory.Limit{}); err != nil {
				t.Fatal(err)
			}
			if err := c.layers.Close(); err != nil {
				t.Error(err)
			}
			matrices := 7 * c.layers.Config.Layers
			if c.layers.Config.FusedQKV {
				matrices -= 2 * c.layers.Config.Layers
			}
			if c.layers.Config.FusedGate {
				matrices -= c.layers.Config.Layers
			}
			if c.layers.Config.Latent.Query > 0 {
				matrices += c.layers.Config.Layers // queries are compressed, too
			}
			for l := range c.layers.Config.Layers {
				if c.layers.Config.Single { // one of all that others have
					switch {
					case c.layers.Config.HasExperts(l):
						matrices += 5 - 7
					case c.layers.Config.HasAttention(l):
						matrices += 4 - 7
					default:
						matrices += 2 - 7
					}
					continue
				}
				switch {
				case c.layers.Config.KVSource(l) != l:
					matrices -= 2
				case !c.layers.Config.HasValues(l):
					matrices--
				}
				if c.layers.Config.PerLayer.Len > 0 {
					matrices += 2
				}
				switch mixers := &c.layers.Config.Mixers; {
				case c.layers.Config.Mixer(l) == arch.ConvMixer, c.layers.Config.Mixer(l) == arch.MambaMixer:
					matrices -= 2
				case c.layers.Config.Mixer(l) == arch.DeltaMixer && mixers.Grouped:
					matrices--
				case c.layers.Config.Mixer(l) == arch.DeltaMixer:
					matrices++
				case c.layers.Config.Mixer(l) == arch.AttentionMamba:
					matrices += 2
				}
				if c.layers.Config.HasExperts(l) {
					matrices++                            // the router
					switch c.layers.Config.Architecture { // gate and up projections are one
					case "granitemoe", "mistral4":
						matrices--
					case "granitemoeshared", "granitemoehybrid":
						matrices -= 2
					}
					if c.layers.Config.Experts.Shared > 0 {
						matrices += 3
					}
					if c.layers.Config.Experts.Beside { // whose gate and up projections are one
						matrices += 2
					}
				} else if c.layers.Config.Architecture == "granitemoehybrid" {
					matrices--
				}
			}
			all := oracle(t, dir, list)
			if c.layers.Config.Experts.OnInput { // Σ is that of the layer's inputs, without the weights that experts get them with
				for name := range all {
					if ofExperts(name) && !strings.Contains(name, "down_proj") {
						delete(all, name)
						matrices--
					}
				}
			}
			sameAsOracle(t, opened(t, readFile(t, path)), all, matrices)
		})
	}
	if tried < 8 {
		t.Errorf("only %d families", tried)
	}
}

// TestDemo: the built-in model with its tokenizer; the windows are those of the text.
func TestDemo(t *testing.T) {
	model := demoModel(t)
	s := opened(t, statistics(t, model, short()))
	summed, held, err := s.Tokens(t.Context())
	if err != nil || len(summed) != 14 || len(held) != 2 || s.Windows != 16 || s.Context != 64 {
		t.Fatalf("%d windows and %d held out: %v", len(summed), len(held), err)
	}
	tokenizer, err := generate.OpenTokenizer(model)
	if err != nil {
		t.Fatal(err)
	}
	want, err := tokenizer.Encode(story(1200)[0].Text, false)
	if err != nil {
		t.Fatal(err)
	}
	bos := begins(tokenizer)
	all := slices.Concat(summed[:7], held[:1], summed[7:], held[1:])
	for i, w := range all {
		if bos >= 0 {
			if w[0] != bos {
				t.Fatalf("window %d begins with %d", i, w[0])
			}
			w = w[1:]
		}
		if !slices.Equal(w, want[:len(w)]) {
			t.Fatalf("window %d is %v, want %v", i, w, want[:len(w)])
		}
		want = want[len(w):]
	}
	sameAsOracle(t, s, oracle(t, model, all), 28)
	if in, ok := s.For("model.embed_tokens.weight"); !ok || in.Key != transformer.HeadInput {
		t.Errorf("the tied embeddings have %v", in)
	}
	if err := s.Check(t.Context(), located(t, model)); err != nil {
		t.Error(err)
	}
}
