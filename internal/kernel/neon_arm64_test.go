//go:build !noasm

package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNEONNaN: NEON keeps the bits of a NaN it is given and makes 0x7FC00000 of
// its own, so only NaNs of other bits among the operands tell whether results
// are made canonical.
func TestNEONNaN(t *testing.T) {
	oracle := generic(t)
	k, err := ForLevel(NEON)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range weightForms {
		for i := range 30 {
			r := rand.New(rand.NewPCG(uint64(i), 21))
			rows, cols, batch := 1+r.IntN(9), 1+r.IntN(150), 1+i%8
			o := newOperand(r, form, rows, cols, cols, false)
			withNaNs := func(n int) []float32 {
				v := values(r, n, false)
				for i := range v {
					if r.IntN(20) == 0 {
						v[i] = math.Float32frombits(r.Uint32() | 0x7F810000)
					}
				}
				return v
			}
			var x Activations
			x.Pack(withNaNs(batch*cols), batch, cols)
			wantBits(t, fmt.Sprint(form, " dot ", i), o.dot(k, &x, rows), o.dot(oracle, &x, rows))
			scale, y := withNaNs(batch*rows), withNaNs(batch*cols)
			want := o.accumulate(oracle, y, cols, scale, rows, batch)
			wantBits(t, fmt.Sprint(form, " accumulate ", i), o.accumulate(k, y, cols, scale, rows, batch), want)
		}
	}
}

// TestNEONSparseNaN is the same for corrections, from 1 to 4 vectors at once.
func TestNEONSparseNaN(t *testing.T) {
	k, err := ForLevel(NEON)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSparse(1, 2, []uint64{0, 1}, []float32{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	nan := math.Float32frombits(0xFFC12345)
	for batch := 1; batch <= 4; batch++ {
		x, y := make([]float32, 2*batch), make([]float32, batch)
		for b := range batch {
			x[2*b], x[2*b+1], y[b] = 10, 100, 1000
		}
		want := slices.Repeat([]float32{1210}, batch)
		for b := range batch {
			x[2*b+1], want[b] = nan, float32(math.NaN())
			got := slices.Clone(y)
			k.DotSparse(got, 1, x, 2, batch, s, 0, 1)
			wantBits(t, fmt.Sprint("a NaN in vectors 0 to ", b), got, want)
		}
	}
}

// TestNEONRead: every byte reaches the result.
func TestNEONRead(t *testing.T) {
	k, err := ForLevel(NEON)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 1024+5)
	for i := range p {
		if p[i] = 1; k.Read(p) == 0 {
			t.Fatalf("byte %d is not read", i)
		}
		p[i] = 0
	}
}
