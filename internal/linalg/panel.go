package linalg

import "github.com/helix-substrate/helix-substrate/internal/kernel"

// A source is an operand of a product, seen as lines along the inner index: of
// A its columns, of B its rows.
type source interface {
	// pack writes elements first … first+count-1 of lines step … step+steps-1
	// to dst, width apart, and zeros behind them up to width, which is that of
	// a register tile.
	pack(k *kernel.Kernels, dst []float64, width, step, steps, first, count int)
}

// lines is an operand whose lines are rows in memory, ld apart.
type lines struct {
	data []float64
	ld   int
}

func (s lines) pack(k *kernel.Kernels, dst []float64, width, step, steps, first, count int) {
	from := s.data[step*s.ld+first:]
	if count == width {
		k.Pack64(dst, width, from, s.ld, steps)
	} else {
		packNarrow(dst, width, from, s.ld, steps, count)
	}
}

// lines32 is lines of float32.
type lines32 struct {
	data []float32
	ld   int
}

func (s lines32) pack(k *kernel.Kernels, dst []float64, width, step, steps, first, count int) {
	from := s.data[step*s.ld+first:]
	if count == width {
		k.Widen64(dst, width, from, s.ld, steps)
	} else {
		packNarrow(dst, width, from, s.ld, steps, count)
	}
}

// packNarrow packs lines of count elements, fewer than width.
func packNarrow[T float32 | float64](dst []float64, width int, from []T, ld, steps, count int) {
	for p := range steps {
		to := dst[p*width:][:width]
		for i, v := range from[p*ld:][:count] {
			to[i] = float64(v)
		}
		clear(to[count:])
	}
}

// turned is an operand whose lines are columns in memory: row i, ld apart,
// holds element i of every line.
type turned struct {
	data []float64
	ld   int
}

func (s turned) pack(_ *kernel.Kernels, dst []float64, width, step, steps, first, count int) {
	row := func(i int) []float64 { return s.data[(first+i)*s.ld+step:][:steps] }
	i := 0
	for ; i+4 <= count; i += 4 {
		r0, r1, r2, r3 := row(i), row(i + 1)[:steps], row(i + 2)[:steps], row(i + 3)[:steps]
		to := dst[i:]
		for p, v := range r0 {
			t := to[p*width:][:4]
			t[0], t[1], t[2], t[3] = v, r1[p], r2[p], r3[p]
		}
	}
	for ; i < count; i++ {
		for p, v := range row(i) {
			dst[p*width+i] = v
		}
	}
	if count < width {
		for p := range steps {
			clear(dst[p*width+count : (p+1)*width])
		}
	}
}
