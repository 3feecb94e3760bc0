package lattice

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/ordered"
	"github.com/helix-substrate/helix-substrate/matrix"
)

// sampleRows is how many rows decide about the steps: γ is a regression on so many points, whose error adds a thousandth
// to that of rounding.
const sampleRows = 1024

// readRows reads rows [a, b) and refuses what is not finite.
func readRows(ctx context.Context, w matrix.Source, dst []float32, a, b int) error {
	if err := w.ReadRows(ctx, dst, a, b); err != nil {
		return err
	}
	for i, v := range dst {
		if v-v != 0 {
			return fmt.Errorf("%w: %g in row %d, column %d", codebook.ErrNonFinite, v, a+i/w.Cols(), i%w.Cols())
		}
	}
	return nil
}

// sample returns at most sampleRows rows that stand for all: evenly spread over the order of their energies Σ_j d_j·w_j²,
// on which their rate depends most.
func sample(ctx context.Context, w matrix.Source, pivots []float64, threads int) (matrix.Source, error) {
	rows, cols := w.Rows(), w.Cols()
	panels := (rows + panelRows - 1) / panelRows
	if rows <= sampleRows {
		all := make([]float32, rows*cols)
		if err := ordered.Do(ctx, threads, panels, func(_, i int) error {
			a, b := i*panelRows, min((i+1)*panelRows, rows)
			return readRows(ctx, w, all[a*cols:b*cols], a, b)
		}, nil); err != nil {
			return nil, err
		}
		return matrix.NewSlice(all, rows, cols)
	}
	energies := make([]float64, rows)
	buffers := make([][]float32, threads)
	if err := ordered.Do(ctx, threads, panels, func(worker, i int) error {
		if buffers[worker] == nil {
			buffers[worker] = make([]float32, panelRows*cols)
		}
		a, b := i*panelRows, min((i+1)*panelRows, rows)
		x := buffers[worker][:(b-a)*cols]
		if err := readRows(ctx, w, x, a, b); err != nil {
			return err
		}
		for r := a; r < b; r++ {
			energies[r] = energy(x[(r-a)*cols:][:cols], pivots)
		}
		return nil
	}, nil); err != nil {
		return nil, err
	}
	order := make([]int, rows)
	for r := range order {
		order[r] = r
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(energies[a], energies[b]), cmp.Compare(a, b)) })
	chosen := make([]int, sampleRows)
	for i := range chosen {
		chosen[i] = order[(2*i+1)*rows/(2*sampleRows)]
	}
	slices.Sort(chosen)
	some := make([]float32, sampleRows*cols)
	for i, r := range chosen {
		if err := w.ReadRows(ctx, some[i*cols:][:cols], r, r+1); err != nil {
			return nil, err
		}
	}
	return matrix.NewSlice(some, sampleRows, cols)
}

func energy(row []float32, pivots []float64) (sum float64) {
	for j, v := range row {
		x := float64(v)
		sum += float64(float64(x*x) * pivots[j])
	}
	return sum
}

// columnEnergies are d_j·w_j², the mean over the rows.
func columnEnergies(ctx context.Context, w matrix.Source, pivots []float64) ([]float64, error) {
	sum := make([]float64, len(pivots))
	row := make([]float32, len(pivots))
	for r := range w.Rows() {
		if err := w.ReadRows(ctx, row, r, r+1); err != nil {
			return nil, err
		}
		for j, v := range row {
			x := float64(v)
			sum[j] += float64(x * x)
		}
	}
	for j, d := range pivots {
		sum[j] = float64(sum[j]*d) / float64(w.Rows())
	}
	return sum, nil
}
