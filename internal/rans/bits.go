package rans

import (
	"math"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// bitWriter appends bits to b, the lowest of each byte first.
type bitWriter struct {
	b    []byte
	acc  uint64
	held int
}

func (w *bitWriter) add(v uint64, n int) {
	w.acc |= v << w.held
	for w.held += n; w.held >= 8; w.held -= 8 {
		w.b = append(w.b, byte(w.acc))
		w.acc >>= 8
	}
}

func (w *bitWriter) done() []byte {
	if w.held > 0 {
		w.b = append(w.b, byte(w.acc))
	}
	return w.b
}

type bitReader struct {
	b      []byte
	acc    uint64
	held   int
	failed bool
}

func (r *bitReader) take(n int) int {
	for r.held < n {
		if len(r.b) == 0 {
			r.failed = true
			return 0
		}
		r.acc |= uint64(r.b[0]) << r.held
		r.b = r.b[1:]
		r.held += 8
	}
	v := int(r.acc & (1<<n - 1))
	r.acc >>= n
	r.held -= n
	return v
}

// finish tells whether all was there, and the last byte's other bits are 0.
func (r *bitReader) finish() bool { return !r.failed && r.acc == 0 }

// costs are 256ths of a bit by frequency.
var costs = func() (c [tableSize + 1]uint16) {
	c[0] = math.MaxUint16
	for f := 1; f <= tableSize; f++ {
		c[f] = uint16(math.Round(256 * (tableBits - detmath.Log2(float64(f)))))
	}
	return c
}()
