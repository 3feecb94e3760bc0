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

// factorSmall is factor, row by row.
func factorSmall(a []float64, ld, first, n int) error {
	for i := range n {
		row := a[(first+i)*ld+first:][:i+1]
		for j := range i {
			above := a[(first+j)*ld+first:][:j+1]
			row[j] = subtract(row[j], row[:j], above) / above[j]
		}
		pivot := subtract(row[i], row[:i], row)
		if !(pivot > 0) || math.IsInf(pivot, 1) {
			return fmt.Errorf("%w: pivot %g in column %d", ErrSingular, pivot, first+i)
		}
		row[i] = math.Sqrt(pivot)
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
// product of register tiles, and only the square that is left is solved element
// by element.
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
	tiles := (rows + size - 1) / size
	const tilesAtOnce = 4
	parallel(e.threads, (tiles+tilesAtOnce-1)/tilesAtOnce, func(_, i int) {
		for t := i * tilesAtOnce; t < min((i+1)*tilesAtOnce, tiles); t++ {
			x := a[(row+t*size)*ld+first:]
			count := min(size, rows-t*size)
			for j := 0; j < n; j += size {
				width, done := min(size, n-j), 0 // columns that have been subtracted
				if j > 0 && count == size && width == size {
					e.kernels.MulTile64(x[j:], ld, size, x, ld, 1, panels[j*n:], j)
					done = j
				}
				solveSquare(x, ld, count, l.data, j, width, done)
			}
		}
	})
}

// solveSquare solves for width columns from j on, in count rows of x, when
// columns before done have been subtracted: four rows at a time, since each is
// a chain that waits for itself.
func solveSquare(x []float64, ld, count int, l []float64, j, width, done int) {
	r := 0
	for ; r+4 <= count; r += 4 {
		x0, x1, x2, x3 := x[r*ld:], x[(r+1)*ld:], x[(r+2)*ld:], x[(r+3)*ld:]
		for q := j; q < j+width; q++ {
			left, divisor := l[q*ld+done:][:q-done], l[q*ld+q]
			y0, y1, y2, y3 := x0[done:q], x1[done:q], x2[done:q], x3[done:q]
			s0, s1, s2, s3 := x0[q], x1[q], x2[q], x3[q]
			for p, u := range left {
				s0 = math.FMA(-u, y0[p], s0)
				s1 = math.FMA(-u, y1[p], s1)
				s2 = math.FMA(-u, y2[p], s2)
				s3 = math.FMA(-u, y3[p], s3)
			}
			x0[q], x1[q], x2[q], x3[q] = s0/divisor, s1/divisor, s2/divisor, s3/divisor
		}
	}
	for ; r < count; r++ {
		y := x[r*ld:]
		for q := j; q < j+width; q++ {
			y[q] = subtract(y[q], y[done:q], l[q*ld+done:]) / l[q*ld+q]
		}
	}
}
