package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestGuardPagesIntegers(t *testing.T) {
	eachIntegerSet(t, func(t *testing.T, k *Kernels) {
		for i := range 60 {
			for _, atEnd := range []bool{true, false} {
				r := rand.New(rand.NewPCG(uint64(i), 10))
				c := newIntegerCase(r, 1+r.IntN(40), 1+r.IntN(300), 1+r.IntN(30))
				if i%2 == 0 {
					c.rows, c.cols = 16, 64*(1+i%3)
					c = newIntegerCase(r, c.rows, c.cols, c.batch)
				}
				want := c.dot(k, c.quantized(k), c.rows)
				c.x, c.idx = guarded(t, c.x, atEnd), guarded(t, c.idx, atEnd)
				d := *c.columns
				d.place16, d.place32 = guarded(t, d.place16, atEnd), guarded(t, d.place32, atEnd)
				d.step16, d.step32 = guarded(t, d.step16, atEnd), guarded(t, d.step32, atEnd)
				if c.columns.place16 == nil {
					d.place16 = nil
				}
				if c.columns.step16 == nil {
					d.step16 = nil
				}
				q := new(QuantizedActivations)
				q.Reset(c.batch, c.cols)
				q.data = guarded(t, q.data, atEnd)
				k.Quantize(q, c.x, &d, 0, c.batch, 0, q.Groups())
				y := guarded(t, make([]float32, c.batch*c.rows), atEnd)
				k.DotIntegers(y, c.rows, q, c.idx, c.rows)
				wantBits(t, fmt.Sprint("case ", i), y, want)
			}
		}
	})
}

func TestGuardPagesIntegerTiles(t *testing.T) {
	testIntegerTiles(t, func(b []byte, atEnd bool) []byte { return guarded(t, b, atEnd) })
}
