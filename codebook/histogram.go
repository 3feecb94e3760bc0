package codebook

import (
	"errors"
	"fmt"
	"math"
)

// ErrNonFinite reports NaN or an infinity among the weights. The error's type is *NonFiniteError.
var ErrNonFinite = errors.New("weight is not finite")

// ErrShape reports slices whose lengths do not fit together.
var ErrShape = errors.New("lengths do not fit")

// NonFiniteError says where the first NaN or infinity stands in the slice given.
type NonFiniteError struct {
	Index int
	Value float32
}

func (e *NonFiniteError) Error() string { return fmt.Sprintf("weight %d is %v", e.Index, e.Value) }

// Is makes errors.Is(err, ErrNonFinite) true.
func (e *NonFiniteError) Is(target error) bool { return target == ErrNonFinite }

// maxList is up to how many weights a histogram keeps them as they are.
const maxList = 1 << 16

// Histogram counts weights for Design. Up to 65536 weights are kept exactly. Beyond, a weight counts in the bin of its
// top 19 bits, which is exact when every bin met only one value (bf16 and f16 sources, and tensors of few values) and
// within 2^-11 of the weight otherwise.
//
// Unweighted counting gives the same histogram for any order and any splitting into Add and Merge. A Histogram is not
// safe for concurrent use: give each goroutine its own and Merge them.
type Histogram struct {
	count    uint64
	min, max float32
	list     []uint32  // the weights' bits, while bins is nil
	listMass []float64 // what each counts for; nil while all count 1
	bins     *bins
}

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram { return &Histogram{} }

// Add counts every weight of x once. When one is NaN or infinite it returns a *NonFiniteError and adds nothing.
func (h *Histogram) Add(x []float32) error {
	lo, hi, finite := extent(x)
	if !finite {
		return nonFinite(x)
	}
	h.add(x, lo, hi)
	return nil
}

// AddFinite counts the finite weights of x and returns the number of others.
func (h *Histogram) AddFinite(x []float32) (skipped int) {
	lo, hi, finite := extent(x)
	if finite {
		h.add(x, lo, hi)
		return 0
	}
	kept := make([]float32, 0, len(x))
	for _, w := range x {
		if isFinite(w) {
			kept = append(kept, w)
		}
	}
	lo, hi, _ = extent(kept)
	h.add(kept, lo, hi)
	return len(x) - len(kept)
}

// AddWeighted counts the rows of x, each of len(colWeights) weights; an error in column j costs colWeights[j] times its
// square. Sums are taken in the order of calls, so splitting and merging in another order may change last bits.
func (h *Histogram) AddWeighted(x, colWeights []float32) error {
	if len(x) == 0 {
		return nil
	}
	if len(colWeights) == 0 || len(x)%len(colWeights) != 0 {
		return fmt.Errorf("%d weights in rows of %d: %w", len(x), len(colWeights), ErrShape)
	}
	for j, m := range colWeights {
		if !isFinite(m) || m < 0 {
			return fmt.Errorf("weight of column %d is %v: %w", j, m, ErrShape)
		}
	}
	lo, hi, finite := extent(x)
	if !finite {
		return nonFinite(x)
	}
	h.extend(uint64(len(x)), lo, hi)
	h.weigh()
	if h.bins == nil && h.count <= maxList {
		for i, w := range x {
			h.list = append(h.list, math.Float32bits(w))
			h.listMass = append(h.listMass, float64(colWeights[i%len(colWeights)]))
		}
		return nil
	}
	b := h.spill()
	b.add(x)
	for i, w := range x {
		b.mass[math.Float32bits(w)>>binShift] += float64(colWeights[i%len(colWeights)])
	}
	return nil
}

// Merge adds everything that o counted; o stays as it is.
func (h *Histogram) Merge(o *Histogram) {
	if o.count == 0 {
		return
	}
	h.extend(o.count, o.min, o.max)
	if o.weighted() {
		h.weigh()
	}
	if h.bins == nil && h.count <= maxList {
		h.list = append(h.list, o.list...)
		if h.listMass != nil {
			h.listMass = append(h.listMass, o.masses()...)
		}
		return
	}
	b := h.spill()
	if o.bins == nil {
		b.addList(o.list, o.masses())
		return
	}
	b.merge(o.bins)
}

// add counts finite weights between lo and hi.
func (h *Histogram) add(x []float32, lo, hi float32) {
	if len(x) == 0 {
		return
	}
	h.extend(uint64(len(x)), lo, hi)
	if h.bins == nil && h.count <= maxList {
		for _, w := range x {
			h.list = append(h.list, math.Float32bits(w))
		}
		for h.listMass != nil && len(h.listMass) < len(h.list) {
			h.listMass = append(h.listMass, 1)
		}
		return
	}
	b := h.spill()
	b.add(x)
	if b.mass != nil {
		for _, w := range x {
			b.mass[math.Float32bits(w)>>binShift]++
		}
	}
}

// extend accounts for n more weights between lo and hi.
func (h *Histogram) extend(n uint64, lo, hi float32) {
	if h.count == 0 {
		h.min, h.max = lo, hi
	}
	h.min, h.max = min(h.min, lo), max(h.max, hi)
	h.count += n
}

// spill makes sure that there are bins and that they hold what was listed.
func (h *Histogram) spill() *bins {
	if h.bins == nil {
		h.bins = &bins{counts: new([numBins]uint32), value: new([numBins]uint32)}
		if h.listMass != nil {
			h.bins.mass = new([numBins]float64)
		}
		h.bins.addList(h.list, h.masses())
		h.list, h.listMass = nil, nil
	}
	return h.bins
}

func (h *Histogram) weighted() bool {
	return h.listMass != nil || h.bins != nil && h.bins.mass != nil
}

// weigh starts to keep masses: every weight so far counts 1.
func (h *Histogram) weigh() {
	switch {
	case h.weighted():
	case h.bins != nil:
		h.bins.weigh()
	default:
		h.listMass = h.masses()
		if h.listMass == nil {
			h.listMass = []float64{}
		}
	}
}

// masses returns what each listed weight counts for.
func (h *Histogram) masses() []float64 {
	if h.listMass != nil {
		return h.listMass
	}
	m := make([]float64, len(h.list))
	for i := range m {
		m[i] = 1
	}
	return m
}

// extent returns the smallest and largest weight, and whether all are finite. As unsigned numbers the bits of negative
// floats stand above those of positive ones, larger magnitudes higher; as signed numbers they stand below.
func extent(x []float32) (lo, hi float32, finite bool) {
	if len(x) == 0 {
		return 0, 0, true
	}
	first := math.Float32bits(x[0])
	umax, umax1, smax, smax1 := first, first, int32(first), int32(first)
	rest := x
	for len(rest) >= 2 {
		b, b1 := math.Float32bits(rest[0]), math.Float32bits(rest[1])
		rest = rest[2:]
		umax, umax1 = max(umax, b), max(umax1, b1)
		smax, smax1 = max(smax, int32(b)), max(smax1, int32(b1))
	}
	for _, w := range rest {
		b := math.Float32bits(w)
		umax, smax = max(umax, b), max(smax, int32(b))
	}
	umax, smax = max(umax, umax1), max(smax, smax1)
	if smax >= 0x7f800000 || umax >= 0xff800000 {
		return 0, 0, false
	}
	lo, hi = math.Float32frombits(umax), math.Float32frombits(uint32(smax))
	if umax>>31 == 0 || smax < 0 { // one sign only: the other end is the one nearest to 0
		nearest := umax
		for _, w := range x {
			nearest = min(nearest, math.Float32bits(w))
		}
		if smax < 0 {
			hi = math.Float32frombits(nearest)
		} else {
			lo = math.Float32frombits(nearest)
		}
	}
	return lo, hi, true
}

func nonFinite(x []float32) error {
	for i, w := range x {
		if !isFinite(w) {
			return &NonFiniteError{Index: i, Value: w}
		}
	}
	return nil
}

func isFinite(w float32) bool { return math.Float32bits(w)&0x7f800000 != 0x7f800000 }
