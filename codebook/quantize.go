package codebook

import (
	"math"

	"github.com/x448/float16"
)

// Quantizer maps weights to indices. It is immutable and safe for concurrent use.
type Quantizer struct {
	cells  [MaxEntries]cell
	lowest [numBins]uint8 // the first index of any weight in the bin
	last   int
	lo, hi float32 // the clip range, finite
	clips  bool
}

// cell is one value and the largest weight it stands for.
type cell struct{ bound, value float32 }

// Quantizer prepares c for use; it takes about 20 µs and 512 KiB.
func (c *Codebook) Quantizer() *Quantizer {
	q := &Quantizer{last: len(c.Values) - 1, lo: max(c.ClipMin, -math.MaxFloat32), hi: min(c.ClipMax, math.MaxFloat32)}
	for i := range q.cells {
		q.cells[i] = cell{bound: float32(math.Inf(1)), value: c.Values[min(i, q.last)]}
		if i < q.last {
			q.cells[i].bound = c.Bounds[i]
		}
	}
	i := 0
	advance := func(least float32) {
		for i < q.last && least > q.cells[i].bound {
			i++
		}
	}
	for k := numBins - 1; k >= signBin; k-- {
		if k < signBin+endBin { // the least weight of a negative bin has all low bits set
			advance(math.Float32frombits(uint32(k)<<binShift | 1<<binShift - 1))
		}
		q.lowest[k] = uint8(i)
	}
	for k := range signBin {
		if k < endBin {
			advance(math.Float32frombits(uint32(k) << binShift))
		} else {
			i = q.last
		}
		q.lowest[k] = uint8(i)
	}
	return q
}

// index of one weight. NaN goes to the end of its sign.
func (q *Quantizer) index(w float32) int {
	i := int(q.lowest[math.Float32bits(w)>>binShift])
	for w > q.cells[i&255].bound {
		i++
	}
	return i
}

// Quantize sets dst[i] to the index of src[i], for len(src) weights, and adds the errors to e unless e is nil.
// Weights that belong in the sidecar are counted in e with and without it.
func (q *Quantizer) Quantize(dst []byte, src []float32, e *ErrorSum) {
	dst = dst[:len(src)]
	for i, w := range src {
		j := q.index(w)
		dst[i] = byte(j)
		if e != nil {
			e.add(w, q.cells[j].value)
		}
	}
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
		if q.lo <= w && w <= q.hi {
			continue
		}
		if q.outlier(w) {
			dst = append(dst, Outlier{base + uint64(i), w})
		}
	}
	return dst
}

// outlier says whether a weight outside the clip range is better off in the sidecar.
func (q *Quantizer) outlier(w float32) bool {
	if !isFinite(w) {
		return true
	}
	stored := float16.Fromfloat32(w).Float32()
	c := q.cells[q.index(w)].value
	return math.Abs(float64(stored)-float64(w)) < math.Abs(float64(c)-float64(w))
}

// Decode sets dst[i] to values[idx[i]]; an index beyond the values gives 0. The slices have the same length.
func Decode(dst []float32, idx []byte, values []float32) {
	var table [256]float32
	copy(table[:], values)
	dst = dst[:len(idx)]
	for i, j := range idx {
		dst[i] = table[j]
	}
}
