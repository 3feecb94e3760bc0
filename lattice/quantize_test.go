package lattice

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/matrix"
)

// quantize is what a test wants that does not fail.
func quantize(t testing.TB, weights, gram []float32, rows, n int, damping float64, o Options) *Result {
	t.Helper()
	f, err := NewFactor(context.Background(), gram, n, damping, o.Threads)
	if err != nil {
		t.Fatal(err)
	}
	w, err := matrix.NewSlice(weights, rows, n)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Quantize(context.Background(), w, f, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSameForAll: the result depends on no number of threads and no CPU level.
func TestSameForAll(t *testing.T) {
	for _, size := range [][2]int{{1200, 72}, {150, 250}} { // more rows than a sample; several blocks and strips of columns
		rows, n := size[0], size[1]
		weights, gram := layer(rand.New(rand.NewPCG(1, 1)), rows, n, 300)
		var want string
		for _, level := range kernel.Levels() {
			t.Setenv(kernel.EnvLevel, string(level))
			for _, threads := range []int{1, 2, 5} {
				r := quantize(t, weights, gram, rows, n, 0.01, Options{Bits: 3, Threads: threads})
				if got := fmt.Sprintf("%#v", r); want == "" {
					want = got
				} else if got != want {
					t.Errorf("%d × %d: %s with %d threads gives another result", rows, n, level, threads)
				}
			}
		}
	}
}

// TestBits: the file that the matrix makes has the wanted size, whether all rows decide about it or some.
func TestBits(t *testing.T) {
	for _, size := range [][2]int{{700, 96}, {2500, 96}, {1100, 600}} { // the last in several blocks
		rows, n := size[0], size[1]
		rng := rand.New(rand.NewPCG(2, uint64(rows)))
		weights, gram := layer(rng, rows, n, 1000)
		for r := range rows { // rows of unlike size
			scale := float32(math.Exp(rng.NormFloat64()))
			for j := range n {
				weights[r*n+j] *= scale
			}
		}
		for _, bits := range []float64{1.5, 2.25, 4, 6} {
			o := Options{Bits: bits, Lattice: cdna.LatticeOptions{TensorName: "w", Classes: 4}}
			r := quantize(t, weights, gram, rows, n, 0.01, o)
			stats, err := cdna.CreateLattice(filepath.Join(t.TempDir(), "w"), &r.Matrix, o.Lattice)
			if err != nil {
				t.Fatal(err)
			}
			if got := 8 * float64(stats.TotalBytes) / float64(rows*n); math.Abs(got-bits) > 0.02 || got != r.Bits {
				t.Errorf("%d rows at %g bits: the file has %g, the result says %g", rows, bits, got, r.Bits)
			}
		}
	}
}

// TestBetterThanNearest: outputs are nearer than those of the nearest integers times one step in a file of the same size.
func TestBetterThanNearest(t *testing.T) {
	const rows, n = 500, 80
	weights, gram := layer(rand.New(rand.NewPCG(3, 3)), rows, n, 2000)
	for _, bits := range []float64{2, 3, 5} {
		r := quantize(t, weights, gram, rows, n, 1e-3, Options{Bits: bits})
		m := &cdna.LatticeMatrix{Rows: rows, Cols: n, Codes: make([]byte, rows*n), ColumnScale: make([]float32, n)}
		low, high := 1e-4, 1.0
		for range 20 {
			step := math.Sqrt(low * high)
			for j := range m.ColumnScale {
				m.ColumnScale[j] = float32(toBF16(step))
			}
			for i, v := range weights {
				m.Codes[i] = byte(cdna.LatticeZero + math.RoundToEven(float64(v)/float64(m.ColumnScale[0])))
			}
			size, err := cdna.LatticeSize(m, cdna.LatticeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if size.File > r.Sizes.File {
				low = step
			} else {
				high = step
			}
		}
		nearest := outputError(weights, decode(m), gram, rows, n)
		if gain := 10 * math.Log10(nearest/r.Output); gain < 3 {
			t.Errorf("%g bits: %.2f dB better than nearest integers, want more than 3", bits, gain)
		}
	}
}

// TestAnyMatrix: whatever the weights and a Gram matrix, the result is finite, its file can be written, and read again it
// has the errors that it says.
func TestAnyMatrix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, n := rapid.IntRange(1, 150).Draw(t, "rows"), rapid.IntRange(1, 70).Draw(t, "columns")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		tokens := rapid.IntRange(0, 100).Draw(t, "tokens") // fewer than n: Σ is singular
		_, gram := layer(rng, 1, n, max(tokens, 1))
		if tokens == 0 {
			clear(gram)
		}
		size := rapid.SampledFrom([]float64{0, 1e-30, 1, 1e20}).Draw(t, "size")
		loudness := rapid.SampledFrom([]float32{1e-20, 1, 1e10}).Draw(t, "loudness")
		for i := range gram {
			gram[i] *= loudness
		}
		weights := make([]float32, rows*n)
		for i := range weights {
			weights[i] = float32(rng.NormFloat64() * size)
		}
		if rapid.Bool().Draw(t, "zero column") {
			for r := range rows {
				weights[r*n+n/2] = 0
			}
		}
		if rapid.Bool().Draw(t, "huge weight") {
			weights[rng.IntN(len(weights))] = math.MaxFloat32
		}
		f, err := NewFactor(context.Background(), gram, n, rapid.SampledFrom([]float64{0, 1e-3, 1}).Draw(t, "damping"), 1)
		if err != nil {
			t.Fatal(err)
		}
		w, _ := matrix.NewSlice(weights, rows, n)
		o := Options{Bits: rapid.Float64Range(0.5, 8).Draw(t, "bits"), Threads: 2}
		if rapid.Bool().Draw(t, "by step") {
			o.Bits, o.Step = 0, rapid.SampledFrom([]float64{1e-30, 1e-3, 1, 1e30}).Draw(t, "step")
		}
		r, err := Quantize(context.Background(), w, f, o)
		if err != nil {
			t.Fatal(err)
		}
		for what, v := range map[string]float64{"bits": r.Bits, "step": r.Step, "MSE": r.Fidelity.MSE, "output": r.Output} {
			if v-v != 0 {
				t.Errorf("%s is %g", what, v)
			}
		}
		got := decode(&r.Matrix)
		again := codebook.Compare(weights, got) // sums in another order
		if math.Abs(again.MSE-r.Fidelity.MSE) > 1e-9*again.MSE || again.MaxError != r.Fidelity.MaxError {
			t.Errorf("fidelity %+v, read again %+v", r.Fidelity, again)
		}
		if _, err := cdna.LatticeSize(&r.Matrix, o.Lattice); err != nil {
			t.Error(err)
		}
	})
}

func TestRefused(t *testing.T) {
	ctx := context.Background()
	const rows, n = 130, 3
	weights, gram := layer(rand.New(rand.NewPCG(4, 4)), rows, n, 50)
	f, err := NewFactor(ctx, gram, n, 0.01, 1)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := matrix.NewSlice(weights, rows, n)
	for _, o := range []Options{{}, {Bits: 3, Step: 1}, {Bits: -1}, {Step: math.NaN()}, {Step: math.Inf(1)}, {Bits: 3, Threads: -1}} {
		if _, err := Quantize(ctx, w, f, o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v, want ErrOptions", o, err)
		}
	}
	narrow, _ := matrix.NewSlice(weights[:4], 2, 2)
	empty, _ := matrix.NewSlice(nil, 0, n)
	for _, w := range []matrix.Source{narrow, empty} {
		if _, err := Quantize(ctx, w, f, Options{Bits: 3}); !errors.Is(err, matrix.ErrShape) {
			t.Errorf("%d × %d: %v, want ErrShape", w.Rows(), w.Cols(), err)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(-1)} {
		broken := append([]float32(nil), weights...)
		broken[129*n+1] = float32(v)
		b, _ := matrix.NewSlice(broken, rows, n)
		if _, err := Quantize(ctx, b, f, Options{Bits: 3}); !errors.Is(err, codebook.ErrNonFinite) {
			t.Errorf("a weight of %g: %v, want ErrNonFinite", v, err)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Quantize(cancelled, w, f, Options{Bits: 3}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := NewFactor(cancelled, gram, n, 0.01, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled factor: %v", err)
	}
}

func TestFactor(t *testing.T) {
	ctx := context.Background()
	nan := float32(math.NaN())
	for what, gram := range map[string][]float32{
		"too few values": {1, 0}, "NaN": {1, nan, 1}, "negative mean square": {1, 0, -1}, "indefinite": {1, 5, 1},
	} {
		if _, err := NewFactor(ctx, gram, 2, 0.01, 1); !errors.Is(err, ErrGram) {
			t.Errorf("%s: %v, want ErrGram", what, err)
		}
	}
	for _, damping := range []float64{-1, 2, math.NaN()} {
		if _, err := NewFactor(ctx, []float32{1}, 1, damping, 1); !errors.Is(err, ErrOptions) {
			t.Errorf("damping %g: %v, want ErrOptions", damping, err)
		}
	}
	f, err := NewFactor(ctx, []float32{1, 1, 1}, 2, 0, 1) // the same input twice
	if err != nil || !(f.Damping() > 0) || f.Dead() != 0 || f.Inputs() != 2 {
		t.Errorf("singular: %v, %+v", err, f)
	}
	f, err = NewFactor(ctx, []float32{1, 0, 1e-9, 0, 0, 1}, 3, 0.01, 1)
	if err != nil || f.Dead() != 1 || f.Damping() != 0.01 {
		t.Errorf("an input of next to nothing: %v, %+v", err, f)
	}
	w, _ := matrix.NewSlice([]float32{1, 1, 1}, 1, 3)
	r, err := Quantize(ctx, w, f, Options{Step: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if got := decode(&r.Matrix); got[1] != 0 || got[0] == 0 || got[2] == 0 {
		t.Errorf("dead in the middle: %v", got)
	}
}

// TestSolve: Solve undoes a product with Σ and its damping, and leaves out dead inputs.
func TestSolve(t *testing.T) {
	const n, rows, dead = 70, 9, 31
	r := rand.New(rand.NewPCG(11, 2))
	x := make([]float64, 3*n*n)
	for i := range x {
		if x[i] = r.NormFloat64(); i%n == dead {
			x[i] *= 1e-4
		}
	}
	var gram []float32
	for i := range n {
		for j := range i + 1 {
			sum := 0.0
			for p := range 3 * n {
				sum += x[p*n+i] * x[p*n+j]
			}
			gram = append(gram, float32(sum/(3*n)))
		}
	}
	f, err := NewFactor(t.Context(), gram, n, 0.01, 2)
	if err != nil || f.Dead() != 1 {
		t.Fatal(f.Dead(), err)
	}
	at := func(i, j int) float64 {
		switch v := float64(gram[max(i, j)*(max(i, j)+1)/2+min(i, j)]); {
		case i == dead || j == dead:
			return 0
		case i == j:
			return v + f.added[i]
		default:
			return v
		}
	}
	want, y := make([]float64, rows*n), make([]float64, rows*n)
	for i := range want {
		if i%n != dead {
			want[i] = r.NormFloat64()
		}
	}
	for i := range y {
		for p := range n {
			y[i] += want[i/n*n+p] * at(p, i%n)
		}
		if i%n == dead {
			y[i] = 1
		}
	}
	if err := f.Solve(t.Context(), y, rows, 2); err != nil {
		t.Fatal(err)
	}
	for i := range y {
		if math.Abs(y[i]-want[i]) > 1e-9 || i%n == dead && y[i] != 0 {
			t.Fatalf("%g at %d, want %g", y[i], i, want[i])
		}
	}
}
