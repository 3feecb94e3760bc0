package lattice

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/matrix"
)

// layer makes weights [rows, n] and the Gram matrix of tokens inputs of unlike size that have much in common.
func layer(rng *rand.Rand, rows, n, tokens int) (weights, gram []float32) {
	weights = make([]float32, rows*n)
	for i := range weights {
		weights[i] = float32(rng.NormFloat64() * 0.05)
	}
	scale := make([]float64, n)
	for j := range scale {
		scale[j] = math.Exp(rng.NormFloat64())
	}
	sum := make([]float64, n*(n+1)/2)
	x := make([]float64, n)
	for range tokens {
		common := rng.NormFloat64()
		for j := range x {
			x[j] = scale[j] * (rng.NormFloat64() + common)
		}
		for i := range x {
			for j := range i + 1 {
				sum[i*(i+1)/2+j] += x[i] * x[j]
			}
		}
	}
	gram = make([]float32, len(sum))
	for i, v := range sum {
		gram[i] = float32(v / float64(tokens))
	}
	return weights, gram
}

// oracle is the method as it is told, column by column: Y = W·L with Σ + damping = L·Lᵀ, and Y less each column when it is
// known. It returns the integers and y, the numbers rounded, in steps.
func oracle(weights, gram []float32, rows, n int, damping, c float64, stored []float32) (z, y []float64) {
	diagonal := make([]float64, n)
	for j := range diagonal {
		diagonal[j] = float64(gram[j*(j+1)/2+j])
	}
	slices.Sort(diagonal)
	l := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			v := float64(gram[i*(i+1)/2+j])
			if i == j {
				v += damping * diagonal[n/2]
			}
			for k := range j {
				v -= l[i*n+k] * l[j*n+k]
			}
			if i == j {
				l[i*n+i] = math.Sqrt(v)
			} else {
				l[i*n+j] = v / l[j*n+j]
			}
		}
	}
	y, z = make([]float64, rows*n), make([]float64, rows*n)
	for r := range rows {
		for j := range n {
			for i := j; i < n; i++ {
				y[r*n+j] += float64(weights[r*n+i]) * l[i*n+j]
			}
		}
		for j := n - 1; j >= 0; j-- {
			z[r*n+j] = math.RoundToEven(y[r*n+j] / c)
			for i := range j {
				y[r*n+i] -= z[r*n+j] * float64(stored[j]) * l[j*n+i]
			}
			y[r*n+j] /= c
		}
	}
	return z, y
}

// TestAgainstOracle: the same integers, but where a number lies so near the middle between two that rounding errors decide.
func TestAgainstOracle(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {3, 5}, {130, 8}, {40, 64}, {300, 65}, {140, 200}} {
		rows, n := size[0], size[1]
		weights, gram := layer(rand.New(rand.NewPCG(uint64(rows), uint64(n))), rows, n, 4*n)
		w, err := matrix.NewSlice(weights, rows, n)
		if err != nil {
			t.Fatal(err)
		}
		f, err := NewFactor(context.Background(), gram, n, 0.01, 2)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Quantize(context.Background(), w, f, Options{Step: 0.01})
		if err != nil {
			t.Fatal(err)
		}
		want, y := oracle(weights, gram, rows, n, 0.01, 0.01, r.Matrix.ColumnScale)
		got := integers(&r.Matrix)
		for row := range rows {
			for j := n - 1; j >= 0; j-- {
				i := row*n + j
				if got[i] == want[i] {
					continue
				}
				if half := math.Abs(y[i] - math.Floor(y[i]) - 0.5); half > 1e-9*(1+math.Abs(y[i])) {
					t.Fatalf("%d × %d: row %d, column %d is %g, want %g for %g", rows, n, row, j, got[i], want[i], y[i])
				}
				break // the columns before have got another error
			}
		}
	}
}

func integers(m *cdna.LatticeMatrix) []float64 {
	z := make([]float64, len(m.Codes))
	for i, code := range m.Codes {
		z[i] = float64(code) - cdna.LatticeZero
	}
	for _, e := range m.Escapes {
		z[e.Position] = float64(e.Value)
	}
	return z
}

// decode is the matrix as a reader has it.
func decode(m *cdna.LatticeMatrix) []float32 {
	w := make([]float32, len(m.Codes))
	for i, z := range integers(m) {
		w[i] = float32(z) * m.ColumnScale[i%m.Cols]
	}
	return w
}

// outputError is the mean over rows of (W−Ŵ)·Σ·(W−Ŵ)ᵀ.
func outputError(weights, decoded, gram []float32, rows, n int) float64 {
	sum := 0.0
	d := make([]float64, n)
	for r := range rows {
		for j := range d {
			d[j] = float64(weights[r*n+j]) - float64(decoded[r*n+j])
		}
		for i := range d {
			for j := range i {
				sum += 2 * d[i] * d[j] * float64(gram[i*(i+1)/2+j])
			}
			sum += d[i] * d[i] * float64(gram[i*(i+1)/2+i])
		}
	}
	return sum / float64(rows)
}

func near(t *testing.T, what string, got, want, part float64) {
	t.Helper()
	if math.Abs(got-want) > part*math.Abs(want) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

// TestResult: what the result says of itself is what its matrix shows.
func TestResult(t *testing.T) {
	const rows, n = 300, 96
	weights, gram := layer(rand.New(rand.NewPCG(5, 6)), rows, n, 500)
	w, _ := matrix.NewSlice(weights, rows, n)
	f, err := NewFactor(context.Background(), gram, n, 0.003, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Quantize(context.Background(), w, f, Options{Bits: 3.5})
	if err != nil {
		t.Fatal(err)
	}
	decoded := decode(&r.Matrix)
	near(t, "output", r.Output, outputError(weights, decoded, gram, rows, n), 1e-3)
	zero := outputError(weights, make([]float32, rows*n), gram, rows, n)
	near(t, "output SNR", r.OutputSNR, 10*math.Log10(zero/r.Output), 1e-6)
	sse := 0.0
	for i, v := range weights {
		d := float64(v - decoded[i])
		sse += d * d
	}
	near(t, "MSE", r.Fidelity.MSE, sse/float64(rows*n), 1e-6)
	near(t, "bits", r.Bits, 3.5, 0.01)
	if !slices.IsSortedFunc(r.Matrix.Escapes, func(a, b cdna.Escape) int { return cmp.Compare(a.Position, b.Position) }) {
		t.Error("escapes out of order")
	}
}
