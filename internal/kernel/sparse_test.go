package kernel

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomSparse makes about one entry in every n, with dense and empty rows.
func randomSparse(r *rand.Rand, rows, cols, n int) ([]uint64, []float32) {
	var positions []uint64
	for row := range rows {
		every := []int{n, 1, 1 << 30}[r.IntN(3)]
		for c := range cols {
			if r.IntN(every) == 0 {
				positions = append(positions, uint64(row*cols+c))
			}
		}
	}
	return positions, values(r, len(positions), r.IntN(2) == 0)
}

func TestSparse(t *testing.T) {
	for i := range 300 {
		r := rand.New(rand.NewPCG(uint64(i), 5))
		rows, cols, batch := r.IntN(9), r.IntN(100), r.IntN(8)
		positions, delta := randomSparse(r, rows, cols, 1+r.IntN(20))
		s, err := NewSparse(rows, cols, positions, delta)
		if err != nil {
			t.Fatal(err)
		}
		first := r.IntN(rows + 1)
		n := r.IntN(rows - first + 1)
		x := values(r, batch*(cols+2), r.IntN(3) == 0)
		y := values(r, batch*(n+1), r.IntN(3) == 0)
		xr := values(r, batch*(rows+1), r.IntN(3) == 0)
		yc := values(r, batch*(cols+3), r.IntN(3) == 0)

		// The canon in its own words, entry by entry.
		wantDot, wantAcc := slices.Clone(y), slices.Clone(yc)
		for b := range batch {
			rowSum, colSum := map[int]float32{}, map[int]float32{}
			for e, p := range positions {
				row, c := int(p)/cols, int(p)%cols
				if row >= first && row < first+n {
					rowSum[row-first] = FMA32(x[b*(cols+2)+c], delta[e], rowSum[row-first])
				}
				colSum[c] = FMA32(xr[b*(rows+1)+row], delta[e], colSum[c])
			}
			for row, z := range rowSum {
				wantDot[b*(n+1)+row] = canonical(y[b*(n+1)+row] + z)
			}
			for c, z := range colSum {
				wantAcc[b*(cols+3)+c] = canonical(yc[b*(cols+3)+c] + z)
			}
		}
		for _, l := range Levels() {
			k, _ := ForLevel(l)
			got := slices.Clone(y)
			k.DotSparse(got, n+1, x, cols+2, batch, s, first, n)
			wantBits(t, fmt.Sprint(l, " dot ", i), got, wantDot)

			got = slices.Clone(yc)
			z := make([]float32, batch*(cols+1))
			k.AccumulateSparse(z, cols+1, xr, rows+1, batch, s, 0, first)
			for b := range batch {
				if rest := rows - first; rest > 0 {
					k.AccumulateSparse(z[b*(cols+1):], cols+1, xr[b*(rows+1)+first:], rows+1, 1, s, first, rest)
				}
			}
			k.AddSparse(got, cols+3, z, cols+1, batch, s)
			wantBits(t, fmt.Sprint(l, " accumulate ", i), got, wantAcc)
		}
	}
}

func TestSparseRefuses(t *testing.T) {
	for _, positions := range [][]uint64{{3, 3}, {4, 2}, {12}, {0, 1 << 63}} {
		if _, err := NewSparse(3, 4, positions, make([]float32, len(positions))); !errors.Is(err, ErrSparse) {
			t.Errorf("positions %d in 3 × 4: %v", positions, err)
		}
	}
	if _, err := NewSparse(3, 0, []uint64{0}, []float32{1}); !errors.Is(err, ErrSparse) {
		t.Errorf("an entry without columns: %v", err)
	}
	if _, err := NewSparse(3, 4, []uint64{1}, []float32{}); !errors.Is(err, ErrSparse) {
		t.Errorf("a position without a correction: %v", err)
	}
}

// TestSetDelta fills a sparse matrix in afterwards, as streaming does.
func TestSetDelta(t *testing.T) {
	whole, err := NewSparse(3, 4, []uint64{1, 6, 7, 11}, []float32{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	late, err := NewSparse(3, 4, []uint64{1, 6, 7, 11}, nil)
	if err != nil {
		t.Fatal(err)
	}
	late.SetDelta(3, []float32{4})
	late.SetDelta(0, []float32{1, 2, 3})
	late.SetDelta(4, nil)
	x := []float32{1, 10, 100, 1000}
	for _, l := range Levels() {
		k, err := ForLevel(l)
		if err != nil {
			t.Fatal(err)
		}
		a, b := make([]float32, 3), make([]float32, 3)
		k.DotSparse(a, 3, x, 4, 1, whole, 0, 3)
		k.DotSparse(b, 3, x, 4, 1, late, 0, 3)
		if a[0] != 10 || a[1] != 3200 || a[2] != 4000 || a[0] != b[0] || a[1] != b[1] || a[2] != b[2] {
			t.Errorf("%s: %v, filled in later %v", l, a, b)
		}
	}
}
