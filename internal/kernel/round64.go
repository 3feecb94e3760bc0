package kernel

import "math"

const (
	// RoundColumns is how many neighbouring columns of a matrix Round64 rounds together.
	RoundColumns = 8
	roundRows    = 16 // that a routine takes at a time
)

// Rounding is what Round64 needs of its columns, and what it sums up over the rows.
type Rounding struct {
	Below                  [RoundColumns][RoundColumns]float64 // [k][i], i > k: how much of what column i loses is added to column k
	Inverse, Stored, Limit [RoundColumns]float64               // of the step; the step as it is stored; the largest |z|
	ZZ, ZY, EE, RR         [RoundColumns]float64               // z², z·y/step, (y−stored·z)², (w−stored·z)²

	_ [3][RoundColumns][roundRows]float64 // scratch memory of the routines
}

// RoundRows are the rows that Round64 takes: of each slice, rows a stride apart, their columns next to each other.
type RoundRows struct {
	Count      int
	Y          []float64 // what is rounded, finite
	W          []float32 // the weights, finite
	Lost       []float64 // becomes w−stored·z
	Codes      []byte    // becomes z+128, or 128 if z is none of −128 … 127
	YStride    int
	WStride    int // of the codes too
	LostStride int
	Integers   []int32 // [Count, RoundColumns]: becomes z
	Outside    []byte  // [Count]: gets a bit for each column whose z is no code
}

// round64Func takes rows, a positive multiple of roundRows, with all RoundColumns; strides in bytes. It reads and writes
// a Rounding from c on.
type round64Func func(c, y *float64, ldy int, w *float32, ldw int, lost *float64, ldl int, codes *byte, ldc int, integers *int32, outside *byte, rows int)

// Round64 rounds columns to integers, from the last to the first, each after it has got what those behind it have lost:
//
//	y_k += Σ_{i>k} lost_i·Below[k][i]   a chain of fused multiply-adds, i ascending
//	z_k = y_k·Inverse_k, to nearest even, at most ±Limit_k;   lost_k = w_k − Stored_k·z_k
//
// Every other product and sum is rounded by itself, and the sums go over the rows in order. There may be fewer columns than
// RoundColumns.
func (k *Kernels) Round64(g *Rounding, r *RoundRows, columns int) {
	if columns < 1 || columns > RoundColumns || r.Count < 0 || !fits(len(r.Y), r.Count, r.YStride, columns) ||
		!fits(len(r.W), r.Count, r.WStride, columns) || !fits(len(r.Codes), r.Count, r.WStride, columns) ||
		!fits(len(r.Lost), r.Count, r.LostStride, columns) || len(r.Integers)/RoundColumns < r.Count || len(r.Outside) < r.Count {
		panicf("Round64: %d × %d, y %d (stride %d), w %d, codes %d (stride %d), lost %d (stride %d), integers %d, outside %d", r.Count, columns,
			len(r.Y), r.YStride, len(r.W), len(r.Codes), r.WStride, len(r.Lost), r.LostStride, len(r.Integers), len(r.Outside))
	}
	done := 0
	if k.asm != nil && k.asm.round64 != nil && columns == RoundColumns {
		if done = r.Count / roundRows * roundRows; done > 0 {
			k.asm.round64(&g.Below[0][0], &r.Y[0], 8*r.YStride, &r.W[0], 4*r.WStride, &r.Lost[0], 8*r.LostStride,
				&r.Codes[0], r.WStride, &r.Integers[0], &r.Outside[0], done)
		}
	}
	for i := done; i < r.Count; i++ {
		g.round(r, i, columns)
	}
}

// round is Round64 of row i, as plain Go.
func (g *Rounding) round(r *RoundRows, i, columns int) {
	const last = RoundColumns - 1 // which tells the compiler that indices are in range
	y, w := r.Y[i*r.YStride:][:columns], r.W[i*r.WStride:][:columns]
	code, integers := r.Codes[i*r.WStride:][:columns], r.Integers[i*RoundColumns:][:RoundColumns]
	var lost [RoundColumns]float64
	outside := byte(0)
	for k := columns - 1; k >= 0; k-- {
		v := y[k]
		below := &g.Below[k&last]
		for i := k + 1; i < columns; i++ {
			v = math.FMA(lost[i&last], below[i&last], v)
		}
		k := k & last
		u := float64(v * g.Inverse[k])
		z := math.RoundToEven(u)
		if !(math.Abs(z) <= g.Limit[k]) {
			z = math.Copysign(g.Limit[k], z)
		}
		value := float64(z * g.Stored[k])
		e, d := v-value, float64(w[k])-value
		lost[k] = d
		g.ZZ[k] += float64(z * z)
		g.ZY[k] += float64(z * u)
		g.EE[k] += float64(e * e)
		g.RR[k] += float64(d * d)
		integers[k] = int32(z)
		if -128 <= z && z <= 127 {
			code[k] = byte(int(z) + zeroCode)
		} else {
			code[k], outside = zeroCode, outside|1<<k
		}
	}
	copy(r.Lost[i*r.LostStride:][:columns], lost[:])
	r.Outside[i] = outside
}
