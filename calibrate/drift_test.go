package calibrate

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// told is a Drift that outlives Take.
type told struct {
	tokens int
	gram   []float32
	lost   []float64
}

// follow follows a successor that has all of other's weights, and notes what is told of inputs whose names have part in them.
func follow(t *testing.T, at checkpoint.Location, windows [][]int, part string, other func(tensor string) (Weights, error), o Options) map[string]told {
	t.Helper()
	list := map[string]told{}
	err := Follow(t.Context(), at, windows, Successor{
		Key: part, Weights: other, Heap: 1 << 20,
		Wants: func(in *transformer.Input) bool { return strings.Contains(in.Name, part) },
		Take: func(_ context.Context, d *Drift) error {
			list[d.Input.Name] = told{int(d.Tokens), slices.Clone(d.Gram), slices.Clone(d.Lost)}
			return nil
		},
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func randomWindows(n, length int) [][]int {
	r := rand.New(rand.NewPCG(3, 5))
	list := make([][]int, n)
	for i := range list {
		for range length {
			list[i] = append(list[i], r.IntN(1024))
		}
	}
	return list
}

func none(string) (Weights, error) { return nil, nil }

// TestFollowItself: a successor with the model's own weights has the inputs that statistics are of, and no drift.
func TestFollowItself(t *testing.T) {
	dir := demoModel(t)
	s := opened(t, statistics(t, dir, short()))
	windows, _, err := s.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := follow(t, located(t, dir), windows, "layers", none, Options{Work: filepath.Join(t.TempDir(), "work")})
	if len(list) != 4*4 {
		t.Errorf("%d inputs", len(list))
	}
	for name, d := range list {
		in := s.Inputs()[slices.IndexFunc(s.Inputs(), func(in Input) bool { return in.Key == name })]
		gram := make([]float32, in.N*(in.N+1)/2)
		if err := s.Gram(t.Context(), gram, name); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(d.gram, gram) || int64(d.tokens) != in.Tokens {
			t.Errorf("%s: other statistics", name)
		}
		if slices.ContainsFunc(d.lost, func(v float64) bool { return v != 0 }) {
			t.Errorf("%s: drift of nothing", name)
		}
	}
}

// TestFollow compares sums with plain ones over both models' vectors, and those of other limits and threads bit for bit.
func TestFollow(t *testing.T) {
	source, coarser := located(t, demoModel(t)), located(t, coarse(t))
	windows := randomWindows(3, 40)
	other := weightsOf(t, coarser)
	list := follow(t, source, windows, "layers.1", other, Options{Work: filepath.Join(t.TempDir(), "work")})
	for k, in := range []string{"query", "attention_output", "ffn_gate", "ffn_down"} {
		d := list["layers.1."+in]
		gram, lost := plainDrift(t, source, coarser, other, windows, 1, k)
		worst, most := 0.0, 0.0
		for i, v := range lost {
			worst, most = max(worst, math.Abs(v-d.lost[i])), max(most, math.Abs(v))
		}
		if len(lost) != len(d.lost) || most == 0 || worst > 1e-6*most {
			t.Errorf("%s: drift differs by %g of %g", in, worst, most)
		}
		for i, v := range gram {
			if math.Abs(v-float64(d.gram[i])) > 1e-6*math.Abs(v)+1e-9 {
				t.Fatalf("%s: Σ has %g, want %g", in, d.gram[i], v)
			}
		}
	}
	for _, o := range []Options{{Threads: 1}, {Threads: 3, CPU: "generic"}, {Memory: 100 << 20}} {
		o.Work = filepath.Join(t.TempDir(), "work")
		for name, d := range follow(t, source, windows, "layers.1", other, o) {
			if want := list[name]; !slices.Equal(d.gram, want.gram) || !slices.Equal(d.lost, want.lost) {
				t.Errorf("%+v: other bits of %s", o, name)
			}
		}
	}
}

// plainDrift is what Drift says of input k of a layer, summed in plain float64: vectors are those of whole windows in two models,
// and in one that has other's matrices of inputs before k.
func plainDrift(t *testing.T, source, coarser checkpoint.Location, other func(string) (Weights, error), windows [][]int, layer, k int) (gram, lost []float64) {
	t.Helper()
	opened := func(at checkpoint.Location) *walk {
		l, err := transformer.OpenLayers(t.Context(), at, transformer.LayersOptions{Context: len(windows[0])})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		if err := l.Begin(t.Context(), nil, len(windows[0])); err != nil {
			t.Fatal(err)
		}
		return &walk{layers: l, windows: windows}
	}
	w := opened(source)
	l := w.layers
	replace := func(y *transformer.Layer, inputs []transformer.Input) (restore func()) {
		var all []func() error
		for _, in := range inputs {
			for _, name := range in.Tensors {
				w, err := other(name)
				if err != nil {
					t.Fatal(err)
				}
				own, err := y.Replace(name, func(dst []float32, a, b int) error { return w.ReadRows(t.Context(), dst, a, b) })
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, own)
			}
		}
		return func() {
			for _, own := range all {
				if err := own(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	xs, err := w.embed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ys, err := opened(coarser).embed(t.Context()) // whose norms are others, too: of it the matrices alone are taken
	if err != nil {
		t.Fatal(err)
	}
	for i := range layer {
		if err := w.layer(t.Context(), i, xs); err != nil {
			t.Fatal(err)
		}
		y, err := l.Layer(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		restore := replace(y, l.Inputs(i))
		for _, x := range ys {
			if err := y.Run(t.Context(), x, nil); err != nil {
				t.Fatal(err)
			}
		}
		restore()
		if err := y.Close(); err != nil {
			t.Fatal(err)
		}
	}
	in := &l.Inputs(layer)[k]
	collect := func(y *transformer.Layer, x []float32) (v, sum []float32) {
		if err := y.RunTo(t.Context(), slices.Clone(x), in, func(seen *transformer.Input, a, b []float32) error {
			if seen == in {
				v, sum = append(v, a...), append(sum, b...)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if sum == nil {
			sum = v
		}
		return v, sum
	}
	y, err := l.Layer(t.Context(), layer)
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	var truth [][]float32
	for _, x := range xs {
		_, sum := collect(y, x)
		truth = append(truth, sum)
	}
	defer replace(y, l.Inputs(layer)[:k])()
	tokens := float64(len(windows) * len(windows[0]))
	gram = make([]float64, in.Len*(in.Len+1)/2)
	for i, x := range ys {
		v, sum := collect(y, x)
		rows := len(v) / in.Len
		width := len(sum) / rows
		if lost == nil {
			lost = make([]float64, width*in.Len)
		}
		for r := range rows {
			u := v[r*in.Len:][:in.Len]
			for a := range width {
				for b := range u {
					lost[a*in.Len+b] += float64(truth[i][r*width+a]-sum[r*width+a]) * float64(u[b]) / tokens
				}
			}
			for a := range u {
				for b := range a + 1 {
					gram[a*(a+1)/2+b] += float64(u[a]) * float64(u[b]) / tokens
				}
			}
		}
	}
	return gram, lost
}

// TestFollowResumed: what was done up to a layer's end is not done again, and gives the same; files that are damaged, or of
// layers of which something is wanted again, are not relied on.
func TestFollowResumed(t *testing.T) {
	source, windows := located(t, demoModel(t)), randomWindows(2, 40)
	other := weightsOf(t, located(t, coarse(t)))
	want := follow(t, source, windows, "layers.3", other, Options{Work: filepath.Join(t.TempDir(), "work")})
	stopped := errors.New("stopped")
	for _, damage := range []string{"", "activations0", "layers.0"} {
		work := filepath.Join(t.TempDir(), "work")
		err := Follow(t.Context(), source, windows, Successor{
			Key: "layers.3", Weights: other, Wants: func(in *transformer.Input) bool { return strings.HasPrefix(in.Name, "layers.3") },
			Take: func(context.Context, *Drift) error { return stopped },
		}, Options{Work: work})
		if !errors.Is(err, stopped) {
			t.Fatal(err)
		}
		if damage == "activations0" {
			damageActivations(t, work)
		}
		var layers []int
		o := Options{Work: work, Progress: func(p Progress) { layers = append(layers, p.Layer) }}
		list := map[string]told{}
		err = Follow(t.Context(), source, windows, Successor{
			Key: "layers.3", Weights: other,
			Wants: func(in *transformer.Input) bool {
				return strings.HasPrefix(in.Name, "layers.3") || damage != "" && strings.HasPrefix(in.Name, damage)
			},
			Take: func(_ context.Context, d *Drift) error {
				list[d.Input.Name] = told{int(d.Tokens), slices.Clone(d.Gram), slices.Clone(d.Lost)}
				return nil
			},
		}, o)
		if err != nil {
			t.Fatal(err)
		}
		first := 0
		if damage == "" {
			first = 3
		}
		if layers[0] != first {
			t.Errorf("damage %q: it goes on with layer %d", damage, layers[0])
		}
		for name, d := range want {
			if !slices.Equal(list[name].gram, d.gram) || !slices.Equal(list[name].lost, d.lost) {
				t.Errorf("damage %q: other bits of %s", damage, name)
			}
		}
		if _, err := os.Stat(work); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", work, err)
		}
	}
}

// damageActivations changes a byte in each of a working directory's files of activations.
func damageActivations(t *testing.T, work string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(work, ".*activations?"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, path := range files {
		b := readFile(t, path)
		b[len(b)/3] ^= 1
		if err := os.WriteFile(path, b, 0o666); err != nil || bytes.Equal(b, nil) {
			t.Fatal(err)
		}
	}
}

// TestFollowLimit: a limit that is too small is refused alike before and when it comes to it, and the one that is named is enough.
func TestFollowLimit(t *testing.T) {
	source := located(t, demoModel(t))
	s := Successor{Weights: none, Wants: func(*transformer.Input) bool { return true }, Take: func(context.Context, *Drift) error { return nil }, Heap: 30 << 20}
	o := Options{Memory: 1 << 20, Work: filepath.Join(t.TempDir(), "work")}
	defer memory.Allowed(o.Memory).Begin()()
	err := CheckFollow(t.Context(), source, 40, s, o)
	if !errors.Is(err, memory.ErrLimit) || !strings.Contains(err.Error(), "to correct drift") {
		t.Fatal(err)
	}
	if err := Follow(t.Context(), source, randomWindows(2, 40), s, o); !errors.Is(err, memory.ErrLimit) {
		t.Errorf("Follow: %v", err)
	}
	o.Memory = least(t, err)
	if o.Memory < s.Heap {
		t.Errorf("%d bytes are said to be enough for %d and more", o.Memory, s.Heap)
	}
	if err := CheckFollow(t.Context(), source, 40, s, o); err != nil {
		t.Error(err)
	}
	if err := Follow(t.Context(), source, randomWindows(2, 40), s, o); err != nil {
		t.Error(err)
	}
	if err := CheckFollow(t.Context(), source, 1<<13, s, o); !errors.Is(err, ErrOption) && !errors.Is(err, transformer.ErrOption) {
		t.Errorf("windows longer than the model's context: %v", err)
	}
}
