package linalg

import "context"

// A Sign says whether a product is added or subtracted.
type Sign bool

const (
	Plus  Sign = false
	Minus Sign = true
)

// MulAdd adds A·B to C, or subtracts it: C [m, n], A [m, k], B [k, n]. C must
// not overlap A or B. After an error, which is the context's, C is of no use.
func (e *Engine) MulAdd(ctx context.Context, c []float64, ldc int, a []float64, lda int, b []float64, ldb int, m, n, k int, sign Sign) error {
	check("c of MulAdd", len(c), ldc, m, n)
	check("a of MulAdd", len(a), lda, m, k)
	check("b of MulAdd", len(b), ldb, k, n)
	return e.run(ctx, product{
		c: c, ldc: ldc, m: m, n: n, k: k, sign: sign,
		a: turned{data: a, ld: lda},
		b: lines{data: b, ld: ldb},
	})
}

// MulAddLower adds A·L to C: C and A [m, n], L [n, n] lower triangular, whose
// upper triangle is not used. The chain of C[i,j] begins at inner index j. A
// must be finite and C without −0, or zeros and NaNs may depend on the level. C
// must not overlap A or L. After an error, which is the
// context's, C is of no use.
func (e *Engine) MulAddLower(ctx context.Context, c []float64, ldc int, a []float64, lda int, l []float64, ldl, m, n int) error {
	check("c of MulAddLower", len(c), ldc, m, n)
	check("a of MulAddLower", len(a), lda, m, n)
	check("l of MulAddLower", len(l), ldl, n, n)
	return e.run(ctx, product{
		c: c, ldc: ldc, m: m, n: n, k: n, shape: lowerFactor,
		a: turned{data: a, ld: lda},
		b: lines{data: l, ld: ldl},
	})
}

// Gram adds XᵀX to the lower triangle of C: C [n, n], X [rows, n], its rows ldx apart. The chain of
// an element runs over the rows, so rows may come in any number of calls, in
// order. The products of float32 are exact. After an error, which is the
// context's, C is of no use.
func (e *Engine) Gram(ctx context.Context, c []float64, n int, x []float32, ldx, rows int) error {
	check("c of Gram", len(c), n, n, n)
	check("x of Gram", len(x), ldx, rows, n)
	p := product{
		c: c, ldc: n, m: n, n: n, k: rows, shape: lowerResult,
		b: lines32{data: x, ld: ldx},
	}
	if n > e.packedColumns() {
		p.a = p.b
	}
	return e.run(ctx, p)
}

// Cross adds XᵀY to C [m, n]: X [rows, m], Y [rows, n], their rows ldx and ldy apart. As of Gram
// the chain of an element runs over the rows, which may come in any number of calls, in order, and
// the products are exact. After an error, which is the context's, C is of no use.
func (e *Engine) Cross(ctx context.Context, c []float64, m, n int, x []float32, ldx int, y []float32, ldy, rows int) error {
	check("c of Cross", len(c), n, m, n)
	check("x of Cross", len(x), ldx, rows, m)
	check("y of Cross", len(y), ldy, rows, n)
	return e.run(ctx, product{
		c: c, ldc: n, m: m, n: n, k: rows,
		a: lines32{data: x, ld: ldx},
		b: lines32{data: y, ld: ldy},
	})
}
