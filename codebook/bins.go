package codebook

import "math"

const (
	binShift = 13                     // low bits of a float32 that a bin ignores
	numBins  = 1 << (32 - binShift)   // a bin is sign, exponent and 10 bits of mantissa: 2^-10 wide, relatively
	signBin  = numBins / 2            // the bin of -0; negative bins descend in value from here
	endBin   = 0x7f800000 >> binShift // the first bin of non-finite values
)

// bins is indexed by the top 19 bits, sign first.
type bins struct {
	counts  *[numBins]uint32
	pending uint64            // sum of counts; they move to totals before one can overflow
	totals  *[numBins]uint64  // nil until then
	value   *[numBins]uint32  // the one value of each bin that counts; nil when a bin met two
	mass    *[numBins]float64 // what the weights count for; nil while all count 1
}

func (b *bins) weigh() {
	b.mass = new([numBins]float64)
	for k := range b.mass {
		b.mass[k] = float64(b.count(k))
	}
}

// count is the number of weights in bin k.
func (b *bins) count(k int) uint64 {
	n := uint64(b.counts[k])
	if b.totals != nil {
		n += b.totals[k]
	}
	return n
}

// add counts weights in runs short enough for no count to overflow.
func (b *bins) add(x []float32) {
	const run = 1 << 24
	for len(x) > 0 {
		part := x[:min(run, len(x))]
		x = x[len(part):]
		b.reserve(uint64(len(part)))
		if b.value != nil {
			part = b.countDistinct(part)
		}
		counts := b.counts
		for len(part) >= 4 {
			k0, k1 := math.Float32bits(part[0])>>binShift, math.Float32bits(part[1])>>binShift
			k2, k3 := math.Float32bits(part[2])>>binShift, math.Float32bits(part[3])>>binShift
			part = part[4:]
			counts[k0]++
			counts[k1]++
			counts[k2]++
			counts[k3]++
		}
		for _, w := range part {
			counts[math.Float32bits(w)>>binShift]++
		}
	}
}

// reserve makes room for n more in any bin.
func (b *bins) reserve(n uint64) {
	if b.pending+n > math.MaxUint32 {
		if b.totals == nil {
			b.totals = new([numBins]uint64)
		}
		for k, n := range b.counts {
			b.totals[k] += uint64(n)
			b.counts[k] = 0
		}
		b.pending = 0
	}
	b.pending += n
}

// countDistinct counts weights while each bin meets only one value, and returns the weights it left uncounted.
func (b *bins) countDistinct(x []float32) []float32 {
	for i, w := range x {
		bits := math.Float32bits(w)
		k := bits >> binShift
		if b.value[k] != bits {
			if b.count(int(k)) != 0 {
				b.value = nil
				return x[i:]
			}
			b.value[k] = bits
		}
		b.counts[k]++
	}
	return nil
}

func (b *bins) addList(list []uint32, mass []float64) {
	x := make([]float32, len(list))
	for i, bits := range list {
		x[i] = math.Float32frombits(bits)
	}
	b.add(x)
	if b.mass != nil {
		for i, bits := range list {
			b.mass[bits>>binShift] += mass[i]
		}
	}
}

func (b *bins) merge(o *bins) {
	if o.value == nil {
		b.value = nil
	}
	b.reserve(o.pending)
	if o.totals != nil && b.totals == nil {
		b.totals = new([numBins]uint64)
	}
	for k := range o.counts {
		n := o.count(k)
		if n == 0 {
			continue
		}
		if b.value != nil {
			if b.count(k) != 0 && b.value[k] != o.value[k] {
				b.value = nil
			} else {
				b.value[k] = o.value[k]
			}
		}
		b.counts[k] += o.counts[k]
		if o.totals != nil {
			b.totals[k] += o.totals[k]
		}
		if b.mass != nil {
			if o.mass != nil {
				b.mass[k] += o.mass[k]
			} else {
				b.mass[k] += float64(n)
			}
		}
	}
}
