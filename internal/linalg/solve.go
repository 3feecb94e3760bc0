package linalg

import (
	"context"
	"math"
)

// Solve replaces X [rows, n], its rows ldx apart, by X·(M·diag(d)·Mᵀ)⁻¹: M [n, n] is unit lower
// triangular, its diagonal and what lies above are not used; of d a zero stands for an infinite
// one. After an error, which is the context's, X is of no use.
//
// An element of Y·Mᵀ = X is one chain of fused multiply-adds over the columns before its own,
// ascending. Then it is divided by d, and of K·M = Y an element is a chain over the columns
// behind those of its block of solveBlock columns, ascending, and then over those behind it
// in the block.
func (e *Engine) Solve(ctx context.Context, x []float64, ldx, rows int, m, d []float64) error {
	n := len(d)
	check("x of Solve", len(x), ldx, rows, n)
	check("m of Solve", len(m), n, n, n)
	for lo := 0; lo < n; lo += solveBlock {
		hi := min(lo+solveBlock, n)
		if err := e.run(ctx, product{
			c: x[lo:], ldc: ldx, m: rows, n: hi - lo, k: lo, sign: Minus,
			a: turned{data: x, ld: ldx},
			b: turned{data: m[lo*n:], ld: n},
		}); err != nil {
			return err
		}
		e.eachRow(x, ldx, rows, n, func(row []float64) {
			for j := lo; j < hi; j++ {
				row[j] = subtract(row[j], row[lo:j], m[j*n+lo:])
			}
		})
	}
	e.eachRow(x, ldx, rows, n, func(row []float64) {
		for j, v := range d {
			if v == 0 {
				row[j] = 0
			} else {
				row[j] /= v
			}
		}
	})
	for hi := n; hi > 0; {
		lo := (hi - 1) / solveBlock * solveBlock
		if hi < n {
			if err := e.MulAdd(ctx, x[lo:], ldx, x[hi:], ldx, m[hi*n+lo:], n, rows, hi-lo, n-hi, Minus); err != nil {
				return err
			}
		}
		e.eachRow(x, ldx, rows, n, func(row []float64) {
			for j := hi - 1; j >= lo; j-- {
				sum := row[j]
				for p := j + 1; p < hi; p++ {
					sum = math.FMA(-row[p], m[p*n+j], sum)
				}
				row[j] = sum
			}
		})
		hi = lo
	}
	return ctx.Err()
}

// eachRow does something with every row of X, several at a time.
func (e *Engine) eachRow(x []float64, ldx, rows, n int, do func(row []float64)) {
	const together = 8
	parallel(e.threads, (rows+together-1)/together, func(_, i int) {
		for r := i * together; r < min((i+1)*together, rows); r++ {
			do(x[r*ldx:][:n])
		}
	})
}
