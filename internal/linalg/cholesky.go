package linalg

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// ErrSingular says that a matrix is not positive definite, as far as float64 can tell.
var ErrSingular = errors.New("matrix is not positive definite")

const (
	// factorBlock is the size of the blocks that are factored element by
	// element, a multiple of the width of most levels' register tiles.
	factorBlock = 24
	// solveBlock is the number of columns that are solved for without products
	// of their own.
	solveBlock = 2 * factorBlock
)

// Cholesky replaces the lower triangle of A [n, n], symmetric and positive
// definite, by the L of A = L·Lᵀ with a positive diagonal. The error is
// ErrSingular, which names the column, or the context's; A is of no use then.
//
// Halves: factor the first half, solve for the rows below it, subtract their
// products from the second half, factor that. Every element still sees its
// subtractions in ascending order.
func (e *Engine) Cholesky(ctx context.Context, a []float64, n int) error {
	check("a of Cholesky", len(a), n, n, n)
	return e.factor(ctx, a, n, 0, n)
}

// factor does the diagonal block of n rows at first; ld is the size of all of A.
func (e *Engine) factor(ctx context.Context, a []float64, ld, first, n int) error {
	if n <= factorBlock {
		return factorSmall(a, ld, first, n)
	}
	half := halve(n)
	if err := e.factor(ctx, a, ld, first, half); err != nil {
		return err
	}
	second, rest := first+half, n-half
	if err := e.solve(ctx, a, ld, second, rest, first, half); err != nil {
		return err
	}
	solved := a[second*ld+first:]
	if err := e.run(ctx, product{
		c: a[second*ld+second:], ldc: ld, m: rest, n: rest, k: half, shape: lowerResult, sign: Minus,
		a: turned{data: solved, ld: ld},
		b: turned{data: solved, ld: ld},
	}); err != nil {
		return err
	}
	return e.factor(ctx, a, ld, second, rest)
}

// halve returns about half of n, a multiple of factorBlock.
func halve(n int) int {
	return (n/2 + factorBlock - 1) / factorBlock * factorBlock
}

// solve replaces X, the block of rows at row and of n columns at first, by the
// solution Y of Y·Lᵀ = X; L is the factor in the diagonal block at first.
func (e *Engine) solve(ctx context.Context, a []float64, ld, row, rows, first, n int) error {
	if n <= solveBlock {
		e.solveSmall(a, ld, row, rows, first, n)
		return ctx.Err()
	}
	half := halve(n)
	if err := e.solve(ctx, a, ld, row, rows, first, half); err != nil {
		return err
	}
	second, rest := first+half, n-half
	if err := e.run(ctx, product{
		c: a[row*ld+second:], ldc: ld, m: rows, n: rest, k: half, sign: Minus,
		a: turned{data: a[row*ld+first:], ld: ld},
		b: turned{data: a[second*ld+first:], ld: ld},
	}); err != nil {
		return err
	}
	return e.solve(ctx, a, ld, row, rows, second, rest)
}

// factorSmall is factor, column by column, and in a column four rows at a time, since each is a chain that waits for itself.
func factorSmall(a []float64, ld, first, n int) error {
	row := func(i int) []float64 { return a[(first+i)*ld+first:] }
	for j := range n {
		above := row(j)
		pivot := subtract(above[j], above[:j], above)
		if !(pivot > 0) || math.IsInf(pivot, 1) {
			return fmt.Errorf("%w: pivot %g in column %d", ErrSingular, pivot, first+j)
		}
		divisor := math.Sqrt(pivot)
		above[j] = divisor
		i := j + 1
		for ; i+4 <= n; i += 4 {
			x0, x1, x2, x3 := row(i)[:j+1], row(i + 1)[:j+1], row(i + 2)[:j+1], row(i + 3)[:j+1]
			s0, s1, s2, s3 := x0[j], x1[j], x2[j], x3[j]
			for p, u := range above[:j] {
				s0 = math.FMA(-u, x0[p], s0)
				s1 = math.FMA(-u, x1[p], s1)
				s2 = math.FMA(-u, x2[p], s2)
				s3 = math.FMA(-u, x3[p], s3)
			}
			x0[j], x1[j], x2[j], x3[j] = s0/divisor, s1/divisor, s2/divisor, s3/divisor
		}
		for ; i < n; i++ {
			x := row(i)
			x[j] = subtract(x[j], x[:j], above) / divisor
		}
	}
	return nil
}

// subtract returns v less the products of x and y, in order.
func subtract(v float64, x, y []float64) float64 {
	y = y[:len(x)]
	for p, u := range x {
		v = math.FMA(-u, y[p], v)
	}
	return v
}

// solveSmall is solve for at most solveBlock columns. Rows go in tiles, and in
// a tile as many columns as rows: what the columns before take from them is a
// product of register tiles, and only the square that is left is solved by itself.
func (e *Engine) solveSmall(a []float64, ld, row, rows, first, n int) {
	size := e.rows
	s := e.scratch.Get().(*scratch)
	defer e.scratch.Put(s)
	panels := s.columns // −Lᵀ of columns j … j+size-1 at j·n
	l := turned{data: a[first*ld+first:], ld: ld}
	for j := size; j < n; j += size {
		panel := panels[j*n:][:j*size]
		l.pack(e.kernels, panel, size, 0, j, j, min(size, n-j))
		for i, v := range panel {
			panel[i] = -v
		}
	}
	rowsAtOnce := 4 * size
	parallel(e.threads, (rows+rowsAtOnce-1)/rowsAtOnce, func(_, i int) {
		x := a[(row+i*rowsAtOnce)*ld+first:]
		count := min(rowsAtOnce, rows-i*rowsAtOnce)
		tiles := count / size
		for j := 0; j < n; j += size {
			width := min(size, n-j)
			whole := tiles * size
			if width < size {
				whole = 0
			}
			if whole > 0 {
				for r := 0; r < whole && j > 0; r += size {
					e.kernels.MulTile64(x[r*ld+j:], ld, size, x[r*ld:], ld, 1, panels[j*n:], j)
				}
				e.kernels.Solve64(x[j:], ld, l.data[j*ld+j:], ld, tiles)
			}
			for r := whole; r < count; r++ {
				y := x[r*ld:]
				for q := j; q < j+width; q++ {
					y[q] = subtract(y[q], y[:q], l.data[q*ld:]) / l.data[q*ld+q]
				}
			}
		}
	})
}
