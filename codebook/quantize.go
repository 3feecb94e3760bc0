package codebook

import (
	"math"

	"github.com/x448/float16"
)

// Quantizer maps weights to indices. It is immutable and safe for concurrent use.
type Quantizer struct {
	cells  [MaxEntries]cell
	lowest [numBins]uint8 // the first index of any weight in the bin
	lo, hi float32        // the clip range, finite
	limit  uint32         // bits of the largest magnitude certain to be within it
}

// cell is one value and the largest weight it stands for.
type cell struct{ bound, value float32 }

// Quantizer prepares c for use; it takes about 20 µs and 512 KiB.
func (c *Codebook) Quantizer() *Quantizer {
	last := len(c.Values) - 1
	q := &Quantizer{lo: max(c.ClipMin, -math.MaxFloat32), hi: min(c.ClipMax, math.MaxFloat32)}
	q.limit = math.Float32bits(min(-q.lo, q.hi))
	if q.limit>>31 != 0 {
		q.limit = 0 // the range does not span 0
	}
	for i := range q.cells {
		q.cells[i] = cell{bound: float32(math.Inf(1)), value: c.Values[min(i, last)]}
		if i < last {
			q.cells[i].bound = c.Bounds[i]
		}
	}
	// A bin above that of a bound has only weights above the bound; NaN and infinities keep the ends.
	rank := 0
	for i := range last {
		next := rankOf(q.cells[i].bound) + 1
		q.fill(rank, next, byte(i))
		rank = next
	}
	q.fill(rank, numBins, byte(last))
	return q
}

// rankOf orders bins by value, negative NaN first and positive NaN last. -0 has the bin of +0, to which it is equal.
func rankOf(w float32) int {
	k := int(math.Float32bits(w+0) >> binShift)
	if k >= signBin {
		return numBins - 1 - k
	}
	return signBin + k
}

// fill sets the lowest index of the bins ranked from a up to b.
func (q *Quantizer) fill(a, b int, i byte) {
	if m := min(b, signBin); a < m {
		fillBytes(q.lowest[numBins-m:numBins-a], i)
	}
	if a = max(a, signBin); a < b {
		fillBytes(q.lowest[a-signBin:b-signBin], i)
	}
}

func fillBytes(dst []byte, v byte) {
	dst[0] = v
	for n := 1; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

// index of one weight. NaN goes to the end of its sign.
func (q *Quantizer) index(w float32) byte {
	i := q.lowest[math.Float32bits(w)>>binShift]
	for w > q.cells[i].bound { // ends at the last cell, whose bound is +Inf
		i++
	}
	return i
}

// chunk is how many weights Quantize sums up at a time.
const chunk = 512

// Quantize sets dst[i] to the index of src[i], for len(src) weights, and adds the errors to e unless e is nil; dst must
// not be shorter than src. The order of summation depends on how src is cut into calls, and on nothing else.
func (q *Quantizer) Quantize(dst []byte, src []float32, e *ErrorSum) {
	dst = dst[:len(src)]
	if e == nil {
		for i, w := range src {
			dst[i] = q.index(w)
		}
		return
	}
	for len(src) > 0 {
		n := min(chunk, len(src))
		if s, within := q.quantizeChunk(dst[:n], src[:n]); within {
			e.inside.merge(&s)
		} else {
			o := q.sumWithOutliers(dst[:n], src[:n])
			e.Merge(&o)
		}
		dst, src = dst[n:], src[n:]
	}
}

// quantizeChunk quantizes and sums errors in two interleaved lanes. It reports whether all weights were within limit:
// if not, the sums are worthless.
func (q *Quantizer) quantizeChunk(dst []byte, src []float32) (s sums, within bool) {
	limit := q.limit
	outside := uint32(0) // the top bit tells
	var sse0, sww0, scc0, worst0, sse1, sww1, scc1, worst1 float64
	s.count = uint64(len(src))
	for len(src) >= 2 && len(dst) >= 2 {
		w0, w1 := src[0], src[1]
		b0, b1 := math.Float32bits(w0), math.Float32bits(w1)
		i0, i1 := q.lowest[b0>>binShift], q.lowest[b1>>binShift]
		outside |= (limit - b0&0x7fffffff) | (limit - b1&0x7fffffff)
		for w0 > q.cells[i0].bound {
			i0++
		}
		for w1 > q.cells[i1].bound {
			i1++
		}
		dst[0], dst[1] = i0, i1
		src, dst = src[2:], dst[2:]

		x0, c0 := float64(w0), float64(q.cells[i0].value)
		d0 := x0 - c0
		sse0 += float64(d0 * d0)
		sww0 += float64(x0 * x0)
		scc0 += float64(c0 * c0)
		if a := math.Abs(d0); a > worst0 {
			worst0 = a
		}
		x1, c1 := float64(w1), float64(q.cells[i1].value)
		d1 := x1 - c1
		sse1 += float64(d1 * d1)
		sww1 += float64(x1 * x1)
		scc1 += float64(c1 * c1)
		if a := math.Abs(d1); a > worst1 {
			worst1 = a
		}
	}
	s.sse, s.sww, s.scc, s.worst = sse0+sse1, sww0+sww1, scc0+scc1, max(worst0, worst1)
	if len(src) > 0 {
		w := src[0]
		outside |= limit - math.Float32bits(w)&0x7fffffff
		dst[0] = q.index(w)
		s.count--
		s.add(w, q.cells[dst[0]].value)
	}
	return s, outside>>31 == 0
}

// sumWithOutliers sums the errors of quantized weights of which some may belong in the sidecar.
func (q *Quantizer) sumWithOutliers(idx []byte, src []float32) (e ErrorSum) {
	for i, w := range src {
		c := q.cells[idx[i]].value
		switch {
		case !isFinite(w):
			e.nonFinite++
		case q.outlier(w):
			e.outliers.add(w, c)
			e.stored.add(w, float16.Fromfloat32(w).Float32())
		default:
			e.inside.add(w, c)
		}
	}
	return e
}

// Outlier is a weight for the sidecar.
type Outlier struct {
	Position uint64
	Value    float32
}

// AppendOutliers appends the weights of src that belong in the sidecar, src[0] being at position base: those outside the
// clip range where a float16 comes nearer than the codebook, and all that are not finite.
func (q *Quantizer) AppendOutliers(dst []Outlier, src []float32, base uint64) []Outlier {
	for i, w := range src {
		if !isFinite(w) || q.outlier(w) {
			dst = append(dst, Outlier{base + uint64(i), w})
		}
	}
	return dst
}

// outlier says whether a finite weight is better off in the sidecar.
func (q *Quantizer) outlier(w float32) bool {
	if q.lo <= w && w <= q.hi {
		return false
	}
	stored := float16.Fromfloat32(w).Float32()
	c := q.cells[q.index(w)].value
	return math.Abs(float64(stored)-float64(w)) < math.Abs(float64(c)-float64(w))
}
