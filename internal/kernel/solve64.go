package kernel

import "math"

// solve64Func solves for square tiles, at least one; strides in bytes.
type solve64Func func(x *float64, ldx int, l *float64, ldl, tiles int)

// Solve64 replaces X, square tiles one below the other with as many rows and columns as a tile of [Kernels.Tile64] has rows,
// by the solution Y of Y·Lᵀ = X, L lower triangular: y_q = (x_q − y_0·L[q,0] − … − y_{q-1}·L[q,q-1]) / L[q,q], each
// a fused multiply-add, in that order.
func (k *Kernels) Solve64(x []float64, ldx int, l []float64, ldl, tiles int) {
	size, _ := k.Tile64()
	if tiles < 0 || !fits(len(x), tiles*size, ldx, size) || !fits(len(l), size, ldl, size) {
		panicf("Solve64: %d tiles of %d, x %d (stride %d), l %d (stride %d)", tiles, size, len(x), ldx, len(l), ldl)
	}
	if tiles == 0 {
		return
	}
	if k.asm != nil && k.asm.solve64 != nil {
		k.asm.solve64(&x[0], 8*ldx, &l[0], 8*ldl, tiles)
		return
	}
	for i := 0; i < tiles*size; i += 4 { // tiles have a multiple of four rows
		solveFour(x[i*ldx:], ldx, l, ldl, size)
	}
}

// solveFour is Solve64 of four rows at a time, since each is a chain that waits for itself.
func solveFour(x []float64, ldx int, l []float64, ldl, size int) {
	x0, x1, x2, x3 := x[:size], x[ldx:][:size], x[2*ldx:][:size], x[3*ldx:][:size]
	for q := range size {
		left, divisor := l[q*ldl:][:q], l[q*ldl+q]
		s0, s1, s2, s3 := x0[q], x1[q], x2[q], x3[q]
		for p, u := range left {
			s0 = math.FMA(-u, x0[p], s0)
			s1 = math.FMA(-u, x1[p], s1)
			s2 = math.FMA(-u, x2[p], s2)
			s3 = math.FMA(-u, x3[p], s3)
		}
		x0[q], x1[q], x2[q], x3[q] = s0/divisor, s1/divisor, s2/divisor, s3/divisor
	}
}
