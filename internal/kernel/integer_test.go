package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// eachIntegerSet runs f with every assembly of the integer canon that this machine can run.
func eachIntegerSet(t *testing.T, f func(t *testing.T, k *Kernels)) {
	for _, set := range integerSets() {
		t.Run(set.features, func(t *testing.T) {
			k := newKernels(Generic)
			k.integer = set
			f(t, k)
		})
	}
}

// integerCase is a random product in the integer canon.
type integerCase struct {
	rows, cols, batch int
	x                 []float32
	order             []uint32
	steps             []float32
	columns           *Columns
	idx               []byte
}

func newIntegerCase(r *rand.Rand, rows, cols, batch int) *integerCase {
	return integerCaseOf(r, r.IntN(5), rows, cols, batch)
}

// integerCaseOf draws plain values, or those of another kind: some vectors have what is not finite, some groups nothing but
// zeros or little.
func integerCaseOf(r *rand.Rand, kind, rows, cols, batch int) *integerCase {
	c := &integerCase{rows: rows, cols: cols, batch: batch, x: make([]float32, batch*cols), order: make([]uint32, cols), steps: make([]float32, cols)}
	for i := range c.x {
		c.x[i] = float32(r.NormFloat64())
		switch {
		case kind == 1 && r.IntN(cols) == 0:
			c.x[i] = special[r.IntN(len(special))]
		case kind == 2 && i/50%2 == 0:
			c.x[i] *= 0x1p-101
		case kind == 3:
			c.x[i] = []float32{0, float32(math.Copysign(0, -1)), 0x1p-149, -0x1p-130, 1}[r.IntN(5)]
		case kind == 4:
			c.x[i] = float32(r.IntN(255)-127) / 2 // 127 times a power of two: halves are rounded
		}
	}
	for i, p := range r.Perm(cols) {
		c.order[i] = uint32(p)
	}
	exact := r.IntN(2) == 0
	for i := range c.steps {
		c.steps[i] = float32(math.Exp(r.NormFloat64()))
		if exact {
			c.steps[i] = bf16(c.steps[i])
		}
		if kind == 4 {
			c.steps[i] = 1
		}
	}
	c.columns = NewColumns(c.order, c.steps)
	if r.IntN(3) == 0 { // as if there were more columns
		c.columns.place16, c.columns.place32 = nil, c.order
	}
	c.idx = make([]byte, rows*cols)
	for i := range c.idx {
		c.idx[i] = byte(r.Uint32())
		if kind >= 3 {
			c.idx[i] = byte(-(r.Uint32() & 1)) // 0 or 255
		}
	}
	return c
}

func (c *integerCase) quantized(k *Kernels) *QuantizedActivations {
	q := new(QuantizedActivations)
	q.Reset(c.batch, c.cols)
	k.Quantize(q, c.x, c.columns, 0, c.batch, 0, q.Groups())
	return q
}

func (c *integerCase) dot(k *Kernels, q *QuantizedActivations, ldy int) []float32 {
	y := sentinels(c.batch * ldy)
	k.DotIntegers(y, ldy, q, c.idx, c.rows)
	return y
}

// TestIntegerCanon follows the words of the canon.
func TestIntegerCanon(t *testing.T) {
	for i := range 300 {
		r := rand.New(rand.NewPCG(uint64(i), 31))
		c := newIntegerCase(r, 1+r.IntN(40), 1+r.IntN(300), 1+r.IntN(30))
		k := generic(t)
		got := c.dot(k, c.quantized(k), c.rows)
		for b := range c.batch {
			for row := range c.rows {
				want := c.canon(b, row)
				if g := got[b*c.rows+row]; math.Float32bits(g) != math.Float32bits(want) {
					t.Fatalf("case %d: vector %d, row %d: %g, want %g", i, b, row, g, want)
				}
			}
		}
	}
}

func (c *integerCase) canon(b, row int) float32 {
	y := float32(0)
	for g := 0; g < c.cols; g += 64 {
		end := min(g+64, c.cols)
		v := make([]float32, end-g)
		m, finite := float32(0), true
		for i := range v {
			v[i] = c.x[b*c.cols+int(c.order[g+i])] * c.steps[g+i]
			finite = finite && !math.IsInf(float64(v[i]), 0) && v[i] == v[i]
			m = max(m, float32(math.Abs(float64(v[i]))))
		}
		switch {
		case !finite:
			return float32(math.NaN()) // and nothing makes a number of it
		case m < 0x1p-100:
			y = FMA32(0, 0, y)
			continue
		}
		inverse, a := 127/m, m/127
		s := int64(0)
		for i := range v {
			q := int64(math.RoundToEven(float64(float32(v[i] * inverse))))
			if q < -127 || q > 127 {
				panic(q)
			}
			s += (int64(c.idx[row*c.cols+g+i]) - 128) * q
		}
		if s != int64(int32(s)) {
			panic(s)
		}
		y = FMA32(float32(s), a, y)
	}
	return canonical(y)
}

// TestIntegerLevels: vectors are rounded, strips made and products taken alike on every level.
func TestIntegerLevels(t *testing.T) {
	shapes := []shape{{0, 5, 2}, {2, 64, 0}, {3, 0, 2}, {33, 2200, 49}, {16, 5000, 3}, {17, 1024, 130}}
	for cols := range 300 {
		shapes = append(shapes, shape{1 + cols%37, 1 + cols, 1 + cols%30})
	}
	for batch := range 30 {
		shapes = append(shapes, shape{32, 130, 1 + batch}, shape{16, 64, 1 + batch}, shape{23, 192, 1 + batch})
	}
	oracle := generic(t)
	eachIntegerSet(t, func(t *testing.T, k *Kernels) {
		for i, s := range shapes {
			r := rand.New(rand.NewPCG(uint64(i), 32))
			c := newIntegerCase(r, s.rows, s.cols, s.batch)
			ldy := s.rows + i%3
			q, want := c.quantized(k), c.quantized(oracle)
			if at := firstDifference(q.data, want.data); at >= 0 {
				t.Fatalf("case %d, %v: byte %d of the quantized vectors differs", i, s, at)
			}
			wantBits(t, fmt.Sprint(i, s), c.dot(k, q, ldy), c.dot(oracle, want, ldy))
		}
	})
}

func firstDifference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// TestIntegerExtremes has the largest sums of both signs, which an addition of 16 bits must not cut.
func TestIntegerExtremes(t *testing.T) {
	eachIntegerSet(t, func(t *testing.T, k *Kernels) {
		for _, code := range []byte{0, 1, 255, 128} {
			for _, x := range []float32{-1, 1} {
				c := newIntegerCase(rand.New(rand.NewPCG(1, 33)), 16, 64, 12)
				for i := range c.x {
					c.x[i] = x
				}
				for i := range c.steps {
					c.steps[i], c.order[i] = 1, uint32(i)
				}
				c.columns = NewColumns(c.order, c.steps)
				for i := range c.idx {
					c.idx[i] = code
				}
				want := FMA32(float32((int(code)-128)*127*64)*x, float32(1)/127, 0)
				for _, y := range c.dot(k, c.quantized(k), 16) {
					if y != want {
						t.Fatalf("code %d times %g: %g, want %g", code, x, y, want)
					}
				}
			}
		}
	})
}

// TestQuantizeParts: parts give the bytes of the whole, in any order.
func TestQuantizeParts(t *testing.T) {
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		for i := range 50 {
			r := rand.New(rand.NewPCG(uint64(i), 34))
			c := newIntegerCase(r, 1, 1+r.IntN(700), 1+r.IntN(30))
			want := c.quantized(k)
			q := new(QuantizedActivations)
			q.Reset(c.batch, c.cols)
			b, g := r.IntN(c.batch+1), r.IntN(q.Groups()+1)
			k.Quantize(q, c.x, c.columns, b, c.batch-b, g, q.Groups()-g)
			k.Quantize(q, c.x, c.columns, 0, b, g, q.Groups()-g)
			k.Quantize(q, c.x, c.columns, b, c.batch-b, 0, g)
			k.Quantize(q, c.x, c.columns, 0, b, 0, g)
			if at := firstDifference(q.data, want.data); at >= 0 {
				t.Fatalf("%s, case %d: byte %d differs", l, i, at)
			}
		}
	}
}

// TestColumns: both forms of places and steps hold what they were given.
func TestColumns(t *testing.T) {
	for _, n := range []int{0, 1, 70, 65536, 65537} {
		for _, exact := range []bool{true, false} {
			order, steps := make([]uint32, n), make([]float32, n)
			for i := range order {
				order[i], steps[i] = uint32(n-1-i), float32(i)
				if !exact {
					steps[i] += 0.123
				}
			}
			c := NewColumns(order, steps)
			if exact && n <= 70 && n > 0 && c.step16 == nil || n > 0 && (c.place16 != nil) != (n <= 65536) {
				t.Errorf("%d columns take more or less than they need", n)
			}
			for i := range order {
				if c.Place(i) != int(order[i]) || c.Step(i) != steps[i] {
					t.Fatalf("%d columns: at place %d column %d, step %g", n, i, c.Place(i), c.Step(i))
				}
			}
		}
	}
}

// TestIntegerNoAllocations: products and rounding allocate nothing once their memory is there.
func TestIntegerNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		c := newIntegerCase(rand.New(rand.NewPCG(1, 35)), 37, 133, 7)
		q, y := c.quantized(k), make([]float32, 7*37)
		if n := testing.AllocsPerRun(50, func() {
			q.Reset(c.batch, c.cols)
			k.Quantize(q, c.x, c.columns, 0, c.batch, 0, q.Groups())
			k.DotIntegers(y, 37, q, c.idx, 37)
		}); n >= 1 {
			t.Errorf("%s: %v allocations", l, n)
		}
	}
}

// TestIntegerPanics: sizes that don't fit are refused before anything is read.
func TestIntegerPanics(t *testing.T) {
	c := newIntegerCase(rand.New(rand.NewPCG(1, 38)), 3, 70, 2)
	f := func(n int) []float32 { return make([]float32, n) }
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		q := c.quantized(k)
		other := NewColumns([]uint32{0}, f(1))
		for name, call := range map[string]func(){
			"few indices":    func() { k.DotIntegers(f(6), 3, q, c.idx[1:], 3) },
			"short y":        func() { k.DotIntegers(f(5), 3, q, c.idx, 3) },
			"rows overlap":   func() { k.DotIntegers(f(6), 2, q, c.idx, 3) },
			"negative rows":  func() { k.DotIntegers(f(6), 3, q, c.idx, -3) },
			"short x":        func() { k.Quantize(q, c.x[1:], c.columns, 0, 2, 0, 2) },
			"other columns":  func() { k.Quantize(q, c.x, other, 0, 2, 0, 2) },
			"many vectors":   func() { k.Quantize(q, c.x, c.columns, 1, 2, 0, 2) },
			"many groups":    func() { k.Quantize(q, c.x, c.columns, 0, 2, 1, 2) },
			"negative group": func() { k.Quantize(q, c.x, c.columns, 0, 2, -1, 2) },
			"huge batch":     func() { q.Reset(1<<40, 1<<40) },
			"no such column": func() { NewColumns([]uint32{1}, f(1)) },
			"few steps":      func() { NewColumns([]uint32{0, 1}, f(1)) },
		} {
			func() {
				defer func() {
					r := recover()
					if m, ok := r.(string); !ok || len(m) < 8 || m[:8] != "kernel: " {
						t.Errorf("%s, %s: panic %v", l, name, r)
					}
				}()
				call()
			}()
		}
	}
}
