package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestGrouping: cutting rows, batch and columns into any calls gives the same
// bits as one call.
func TestGrouping(t *testing.T) {
	for _, form := range weightForms {
		eachLevel(t, func(t *testing.T, k *Kernels) {
			for i := range 20 {
				r := rand.New(rand.NewPCG(uint64(i), 11))
				rows, cols, batch := 1+r.IntN(70), 1+r.IntN(300), 1+r.IntN(20)
				o := newOperand(r, form, rows, cols, cols, false)
				input := values(r, batch*cols, false)
				var x Activations
				x.Pack(input, batch, cols)
				want := o.dot(k, &x, rows)
				for b := range batch {
					x.Pack(input[b*cols:][:cols], 1, cols)
					cut := r.IntN(rows + 1)
					top, bottom := o.cut(0, cut), o.cut(cut, rows)
					got := append(top.dot(k, &x, cut), bottom.dot(k, &x, rows-cut)...)
					wantBits(t, fmt.Sprint(form, " dot ", b), got, want[b*rows:][:rows])
				}

				x2, y0 := values(r, batch*rows, false), values(r, batch*cols, false)
				want = o.accumulate(k, y0, cols, x2, rows, batch)
				got := slices.Clone(y0)
				for first := 0; first < rows; {
					n := 1 + r.IntN(rows-first)
					part := o.cut(first, first+n)
					for b := range batch {
						part.accumulateInto(got[b*cols:][:cols], k, cols, x2[b*rows+first:], rows, 1)
					}
					first += n
				}
				wantBits(t, form+" accumulate", got, want)
			}
		})
	}
}

// cut returns rows from..to-1 of o; o.ld is o.cols.
func (o operand) cut(from, to int) operand {
	part := o
	part.rows = to - from
	part.first += from
	a, b := from*o.cols, to*o.cols
	switch o.form {
	case "dense-f32":
		part.f32 = o.f32[a:b]
	case "dense-bf16":
		part.bf16 = o.bf16[a:b]
	case "bytes-bf16", "bytes-f32":
		part.idx = o.idx[a:b]
	}
	return part
}

// TestNoAllocations: products allocate nothing once their scratch memory is there.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	for _, form := range weightForms {
		eachLevel(t, func(t *testing.T, k *Kernels) {
			for _, batch := range []int{1, 3, 7} {
				r := rand.New(rand.NewPCG(1, 12))
				o := newOperand(r, form, 37, 133, 133, false)
				var a Activations
				input := values(r, batch*o.cols, false)
				x, y := values(r, batch*o.rows, false), values(r, batch*o.cols, false)
				out := make([]float32, batch*o.rows)
				// A collection may empty the pool of scratch memory meanwhile.
				if n := testing.AllocsPerRun(50, func() {
					a.Pack(input, batch, o.cols)
					o.dotInto(out, k, &a, o.rows)
					o.accumulateInto(y, k, o.cols, x, o.rows, batch)
				}); n >= 1 {
					t.Errorf("%s, batch %d: %v allocations", form, batch, n)
				}
			}
		})
	}
}

// TestConcurrent: one Kernels serves many goroutines.
func TestConcurrent(t *testing.T) {
	eachLevel(t, func(t *testing.T, k *Kernels) {
		r := rand.New(rand.NewPCG(1, 13))
		o := newOperand(r, "packed6-bf16", 41, 333, 333, false)
		var x Activations
		x.Pack(values(r, 7*333, false), 7, 333)
		want := o.dot(k, &x, 41)
		done := make(chan []float32)
		for range 8 {
			go func() {
				var got []float32
				for range 20 {
					got = o.dot(k, &x, 41)
				}
				done <- got
			}()
		}
		for range 8 {
			wantBits(t, "concurrent", <-done, want)
		}
	})
}

// TestPanics: lengths that don't fit are refused before anything is read.
func TestPanics(t *testing.T) {
	idx, table := make([]byte, 12), NewTable([]float32{1})
	var x Activations
	x.Pack(make([]float32, 8), 2, 4)
	s, err := NewSparse(3, 4, []uint64{1}, []float32{1})
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPacked(make([]byte, PackedSize(3, 4, 4)), 3, 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	f := func(n int) []float32 { return make([]float32, n) }
	const big = 1 << 62
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		for name, call := range map[string]func(){
			"too few indices":     func() { k.DotRows(f(6), 3, &x, table, idx[:11], 3) },
			"too many indices":    func() { k.DotRows(f(6), 3, &x, table, make([]byte, 13), 3) },
			"short y":             func() { k.DotRows(f(5), 3, &x, table, idx, 3) },
			"rows of y overlap":   func() { k.DotRows(f(6), 2, &x, table, idx, 3) },
			"negative rows":       func() { k.DotRows(f(6), 3, &x, table, idx, -3) },
			"rows overflow":       func() { k.DotRows(f(6), 3, &x, table, idx, big) },
			"ldy overflow":        func() { k.DotRows(f(6), big, &x, table, idx, 3) },
			"f32 short":           func() { k.DotRowsF32(f(6), 3, &x, f(11), 3) },
			"bf16 short":          func() { k.DotRowsBF16(f(6), 3, &x, make([]uint16, 11), 3) },
			"accumulate y":        func() { k.AccumulateRows(f(3), 4, f(3), 3, 1, table, idx, 4, 3, 4) },
			"accumulate x":        func() { k.AccumulateRows(f(4), 4, f(2), 3, 1, table, idx, 4, 3, 4) },
			"accumulate ldx":      func() { k.AccumulateRows(f(8), 4, f(6), 2, 2, table, idx, 4, 3, 4) },
			"accumulate idx":      func() { k.AccumulateRows(f(4), 4, f(3), 3, 1, table, idx[:11], 4, 3, 4) },
			"accumulate ld":       func() { k.AccumulateRows(f(4), 4, f(3), 3, 1, table, idx, 3, 3, 4) },
			"accumulate big ld":   func() { k.AccumulateRows(f(4), 4, f(3), 3, 1, table, idx, big, 3, 4) },
			"accumulate f32":      func() { k.AccumulateRowsF32(f(4), 4, f(3), 3, 1, f(11), 4, 3, 4) },
			"accumulate bf16":     func() { k.AccumulateRowsBF16(f(4), 4, f(3), 3, 1, make([]uint16, 11), 4, 3, 4) },
			"accumulate negative": func() { k.AccumulateRows(f(4), 4, f(3), 3, -1, table, idx, 4, 3, 4) },
			"packed columns":      func() { var v Activations; v.Pack(f(5), 1, 5); k.DotRowsPacked(f(3), 3, &v, table, p, 0, 3) },
			"packed rows":         func() { k.DotRowsPacked(f(6), 3, &x, table, p, 1, 3) },
			"packed accumulate":   func() { k.AccumulateColumnsPacked(f(4), 4, f(3), 3, 1, table, p, -1, 3, 0, 4) },
			"packed pack":         func() { p.Pack(2, idx[:8]) },
			"packed unpack":       func() { p.Unpack(idx[:5], 0) },
			"sparse rows":         func() { k.DotSparse(f(6), 3, f(8), 4, 2, s, 1, 3) },
			"sparse x":            func() { k.DotSparse(f(6), 3, f(7), 4, 2, s, 0, 3) },
			"sparse z":            func() { k.AccumulateSparse(f(3), 4, f(3), 3, 1, s, 0, 3) },
			"sparse add":          func() { k.AddSparse(f(3), 4, f(4), 4, 1, s) },
			"silu":                func() { k.SiLUMul(f(5), f(4)) },
			"gelu":                func() { k.GELUTanhMul(f(5), f(6)) },
			"pack":                func() { x.Pack(f(7), 2, 4) },
			"pack no such vector": func() { x.PackColumns(2, f(4), 0, 4) },
			"pack half a group":   func() { x.PackColumns(0, f(4), 0, 3) },
			"pack other columns":  func() { x.PackColumns(0, f(5), 0, 4) },
			"pack places":         func() { x.PackScaledColumns(0, f(4), NewColumns(make([]uint32, 3), f(3)), 0, 4) },
			"reserve":             func() { var v Activations; v.Reserve(-1, 4) },
			"table":               func() { NewTable(f(257)) },
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
