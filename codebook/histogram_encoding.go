package codebook

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// A histogram as bytes: the weights' number, 4 bytes each of the least and the largest, and a letter for what follows.
//
//	'w'  the weights themselves, 4 bytes each, by their bits
//	'v'  a bin of one value: how many bins lie between it and the one before, its weights, the value's low 13 bits
//	'b'  a bin: the same without the value
//
// Numbers are varints but for those of 4 bytes, which are little-endian. The same weights have the same bytes, however they were counted.
const (
	listedWeights = 'w'
	valuedBins    = 'v'
	plainBins     = 'b'
)

const lowBits = 1<<binShift - 1

// AppendBinary appends what h has counted: no weighted counts, which are ErrEncoding.
func (h *Histogram) AppendBinary(b []byte) ([]byte, error) {
	if h.weighted() {
		return nil, fmt.Errorf("a histogram of weighted counts: %w", ErrEncoding)
	}
	b = binary.AppendUvarint(b, h.count)
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(h.min))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(h.max))
	if h.bins == nil {
		b = append(b, listedWeights)
		for _, bits := range slices.Sorted(slices.Values(h.list)) {
			b = binary.LittleEndian.AppendUint32(b, bits)
		}
		return b, nil
	}
	kind := byte(plainBins)
	if h.bins.value != nil {
		kind = valuedBins
	}
	b = append(b, kind)
	next := 0
	for k := range numBins {
		n := h.bins.count(k)
		if n == 0 {
			continue
		}
		b = binary.AppendUvarint(b, uint64(k-next))
		b = binary.AppendUvarint(b, n)
		if kind == valuedBins {
			b = binary.AppendUvarint(b, uint64(h.bins.value[k]&lowBits))
		}
		next = k + 1
	}
	return b, nil
}

// MarshalBinary is AppendBinary of nothing.
func (h *Histogram) MarshalBinary() ([]byte, error) { return h.AppendBinary(nil) }

// Count is how many weights have been counted.
func (h *Histogram) Count() uint64 { return h.count }

// UnmarshalBinary reads what AppendBinary has written, in at most the memory of a histogram. ErrEncoding reports what a Histogram cannot be.
func (h *Histogram) UnmarshalBinary(b []byte) error {
	r := varints{rest: b}
	read := Histogram{count: r.next(math.MaxInt64), min: r.float(), max: r.float()}
	var err error
	switch kind := r.byte(); kind {
	case listedWeights:
		err = read.readList(&r)
	case valuedBins, plainBins:
		err = read.readBins(&r, kind == valuedBins)
	default:
		err = fmt.Errorf("of kind %q", kind)
	}
	if err == nil && (r.bad || len(r.rest) > 0) {
		err = fmt.Errorf("%d bytes", len(b))
	}
	if err != nil {
		return fmt.Errorf("a histogram: %w: %w", err, ErrEncoding)
	}
	*h = read
	return nil
}

// readList reads the weights.
func (h *Histogram) readList(r *varints) error {
	if h.count > maxList || uint64(len(r.rest)) != 4*h.count {
		return fmt.Errorf("%d weights in %d bytes", h.count, len(r.rest))
	}
	weights := make([]float32, h.count)
	for i := range weights {
		weights[i] = r.float()
	}
	lo, hi, finite := extent(weights)
	if !finite || byBits(lo, h.min) != 0 || byBits(hi, h.max) != 0 || !slices.IsSortedFunc(weights, byBits) {
		return fmt.Errorf("its weights are not from %v to %v", h.min, h.max)
	}
	for _, w := range weights {
		h.list = append(h.list, math.Float32bits(w))
	}
	return nil
}

func byBits(a, b float32) int { return cmp.Compare(math.Float32bits(a), math.Float32bits(b)) }

// readBins reads bins, of one value each or not.
func (h *Histogram) readBins(r *varints, valued bool) error {
	b := &bins{counts: new([numBins]uint32)}
	if valued {
		b.value = new([numBins]uint32)
	}
	if h.count <= maxList {
		return fmt.Errorf("%d weights in bins", h.count)
	}
	left, next := h.count, 0
	for left > 0 {
		k := next + int(r.next(numBins))
		n := r.next(left)
		if r.bad || n == 0 || k >= numBins || k&(signBin-1) >= endBin {
			return fmt.Errorf("bin %d of %d weights", k, n)
		}
		if b.reserveIn(k, n); valued {
			b.value[k] = uint32(k)<<binShift | uint32(r.next(lowBits))
		}
		left, next = left-n, k+1
	}
	h.bins = b
	if !h.within() {
		return fmt.Errorf("its weights are not from %v to %v", h.min, h.max)
	}
	return nil
}

// reserveIn counts n weights of a bin that has none.
func (b *bins) reserveIn(k int, n uint64) {
	if n <= math.MaxUint32-b.pending {
		b.pending += n
		b.counts[k] = uint32(n)
		return
	}
	if b.totals == nil {
		b.totals = new([numBins]uint64)
	}
	b.totals[k] = n
}

// within tells whether the least and the largest weight are in the outermost bins.
func (h *Histogram) within() bool {
	least, most := -1, -1
	for k := range numBins { // in order of value: negative bins from the last, then positive ones
		at := k - signBin
		if k < signBin {
			at = numBins - 1 - k
		}
		if h.bins.count(at) > 0 {
			if least < 0 {
				least = at
			}
			most = at
		}
	}
	lo, hi := math.Float32bits(h.min), math.Float32bits(h.max)
	ends := int(lo>>binShift) == least && int(hi>>binShift) == most
	return ends && (h.bins.value == nil || h.bins.value[least] == lo && h.bins.value[most] == hi)
}

// varints reads numbers off bytes; bad says that there were none, or larger ones than allowed.
type varints struct {
	rest []byte
	bad  bool
}

func (r *varints) next(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > most {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *varints) float() float32 {
	if len(r.rest) < 4 {
		r.bad = true
		return 0
	}
	v := math.Float32frombits(binary.LittleEndian.Uint32(r.rest))
	r.rest = r.rest[4:]
	return v
}

func (r *varints) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}
