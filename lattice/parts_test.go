package lattice

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/matrix"
)

// TestParts: up to 8192 inputs are whole; more are cut where blocks of columns begin, into parts of equal length that take no
// more than 8192 inputs do.
func TestParts(t *testing.T) {
	for n, want := range map[int][]Part{
		1: {{0, 1}}, 8192: {{0, 8192}}, 8193: {{0, 4224}, {4224, 8193}}, 11008: {{0, 5568}, {5568, 11008}},
		14336: {{0, 3648}, {3648, 7296}, {7296, 10944}, {10944, 14336}},
	} {
		if got := Parts(n); !slices.Equal(got, want) {
			t.Errorf("%d inputs: %v, want %v", n, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, MaxInputs).Draw(t, "n")
		parts := Parts(n)
		end, triangles, squares := 0, 0, 0
		for i, p := range parts {
			switch last := i == len(parts)-1; {
			case p.Start != end || p.Len() < 1 || p.Start%blockColumns != 0:
				t.Fatalf("%d inputs: %v", n, parts)
			case !last && p.Len() != parts[0].Len() || last && p.Len() > parts[0].Len():
				t.Fatalf("%d inputs: unequal parts %v", n, parts)
			}
			end, triangles, squares = p.End, triangles+p.Triangle(), squares+p.Square()
		}
		if end != n || triangles != GramLen(n) || squares != SquareLen(n) || squares > wholeInputs*wholeInputs || len(parts) > 1 && n <= wholeInputs {
			t.Errorf("%d inputs: %v, triangles of %d values, squares of %d", n, parts, GramLen(n), SquareLen(n))
		}
	})
}

// cutGram returns the triangles of the parts of a Gram matrix.
func cutGram(gram []float32, parts []Part) (list [][]float32) {
	for _, p := range parts {
		triangle := make([]float32, 0, p.Triangle())
		for i := p.Start; i < p.End; i++ {
			triangle = append(triangle, gram[i*(i+1)/2+p.Start:i*(i+1)/2+i+1]...)
		}
		list = append(list, triangle)
	}
	return list
}

// TestPartsAlone: what becomes of a matrix in parts is what becomes of the parts of its columns alone, bit for bit.
func TestPartsAlone(t *testing.T) {
	const rows, n, step = 300, 2*blockColumns + 116, 0.02
	ctx := t.Context()
	weights, gram := layer(rand.New(rand.NewPCG(7, 8)), rows, n, 900)
	for i := range n { // two dead inputs, in two parts
		for _, dead := range []int{250, 400} {
			gram[max(i, dead)*(max(i, dead)+1)/2+min(i, dead)] = 0
		}
	}
	weights[3*n+200] = 1000 // an escape
	parts := cut(n, blockColumns)
	triangles := cutGram(gram, parts)
	clear(triangles[0]) // of which nothing is known: its damping is 1
	f, err := newFactor(ctx, slices.Concat(triangles...), parts, 0.01, 2)
	if err != nil {
		t.Fatal(err)
	}
	if f.Dead() != 2 || f.Damping() != 1 || f.Inputs() != n {
		t.Errorf("%d dead inputs of %d, damping %g", f.Dead(), f.Inputs(), f.Damping())
	}
	w, _ := matrix.NewSlice(weights, rows, n)
	got, err := Quantize(ctx, w, f, Options{Step: step, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	solved := make([]float64, rows*n)
	rng := rand.New(rand.NewPCG(9, 9))
	for i := range solved {
		solved[i] = rng.NormFloat64()
	}
	given := slices.Clone(solved)
	squares := make([]float64, 0, 3*n*blockColumns)
	for _, p := range parts {
		squares = append(squares, given[:p.Square()]...)
	}
	if err := errors.Join(f.Solve(ctx, solved, rows, 2), f.SolveSquares(ctx, squares, 1)); err != nil {
		t.Fatal(err)
	}
	z, output := integers(&got.Matrix), 0.0
	for k, p := range parts {
		alone, err := NewFactor(ctx, triangles[k], p.Len(), 0.01, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(alone.pivots, f.pivots[p.Start:p.End]) || alone.added[0] != f.added[p.Start] {
			t.Errorf("%v: other pivots or damping", p)
		}
		own, x := make([]float32, 0, rows*p.Len()), make([]float64, 0, rows*p.Len())
		for r := range rows {
			own = append(own, weights[r*n+p.Start:r*n+p.End]...)
			x = append(x, given[r*n+p.Start:r*n+p.End]...)
		}
		v, _ := matrix.NewSlice(own, rows, p.Len())
		want, err := Quantize(ctx, v, alone, Options{Step: step, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		output += want.Output
		near(t, "output of a part", want.Output, outputError(own, decode(&want.Matrix), triangles[k], rows, p.Len()), 1e-3)
		if !slices.Equal(want.Matrix.ColumnScale, got.Matrix.ColumnScale[p.Start:p.End]) {
			t.Errorf("%v: other steps", p)
		}
		if err := alone.Solve(ctx, x, rows, 1); err != nil {
			t.Fatal(err)
		}
		square := slices.Clone(given[:p.Square()])
		if err := alone.Solve(ctx, square, p.Len(), 1); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(square, squares[:p.Square()]) {
			t.Errorf("%v: its square is solved for otherwise", p)
		}
		squares = squares[p.Square():]
		theirs := integers(&want.Matrix)
		for r := range rows {
			if !slices.Equal(theirs[r*p.Len():][:p.Len()], z[r*n+p.Start:r*n+p.End]) {
				t.Fatalf("%v: other integers in row %d", p, r)
			}
			for j, v := range x[r*p.Len():][:p.Len()] {
				if solved[r*n+p.Start+j] != v/3 {
					t.Fatalf("%v: solved for %g, want a third of %g", p, solved[r*n+p.Start+j], v)
				}
			}
		}
	}
	near(t, "output", got.Output, output, 1e-9)
	if len(got.Matrix.Escapes) == 0 || math.IsInf(got.OutputSNR, 0) {
		t.Errorf("%d escapes, output SNR %g", len(got.Matrix.Escapes), got.OutputSNR)
	}
}

// TestPartsSolve: the mean of what parts make up for never leaves more than there was, where the sum would.
func TestPartsSolve(t *testing.T) {
	const tokens, n = 64, 3 * blockColumns
	rng := rand.New(rand.NewPCG(10, 1))
	x, y := make([]float64, tokens*n), make([]float64, tokens) // all inputs have y in common
	for i := range y {
		y[i] = rng.NormFloat64()
		for j := range n {
			x[i*n+j] = y[i] + 0.1*rng.NormFloat64()
		}
	}
	parts := cut(n, blockColumns)
	var gram []float32
	cross := make([]float64, n)
	for _, p := range parts {
		for a := p.Start; a < p.End; a++ {
			for b := p.Start; b <= a; b++ {
				sum := 0.0
				for i := range tokens {
					sum += x[i*n+a] * x[i*n+b]
				}
				gram = append(gram, float32(sum/tokens))
			}
			for i := range tokens {
				cross[a] += y[i] * x[i*n+a] / tokens
			}
		}
	}
	f, err := newFactor(t.Context(), gram, parts, 0.1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Solve(t.Context(), cross, 1, 1); err != nil {
		t.Fatal(err)
	}
	left, had := 0.0, 0.0
	for i, v := range y {
		had += v * v
		for j, c := range cross {
			v -= c * x[i*n+j]
		}
		left += v * v
	}
	if left > 0.01*had {
		t.Errorf("%g of %g are left", left, had)
	}
}

// TestPartsRefused: values of one triangle are none of the parts', and what is refused of a part says of which inputs.
func TestPartsRefused(t *testing.T) {
	for _, n := range []int{0, 8193, MaxInputs, MaxInputs + 1, 1 << 40} {
		if _, err := NewFactor(t.Context(), make([]float32, 3), n, 0.01, 1); !errors.Is(err, ErrGram) {
			t.Errorf("%d inputs: %v, want ErrGram", n, err)
		}
	}
	parts := []Part{{0, 192}, {192, 193}}
	gram := make([]float32, 192*193/2+1)
	gram[len(gram)-1] = -1
	if _, err := newFactor(t.Context(), gram, parts, 0.01, 1); !errors.Is(err, ErrGram) || err.Error() != "inputs from 192 on: not a Gram matrix: a mean square of -1, of input 0" {
		t.Errorf("%v", err)
	}
	if d := Damping(1<<30, 1<<40); d != 1e-4 {
		t.Errorf("damping %g", d) // no panic
	}
}
