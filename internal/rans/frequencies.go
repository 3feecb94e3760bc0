package rans

import "math/bits"

// Frequencies are how often each symbol occurs, of 4096; 0 for those that cannot
// occur. They sum to 4096, and none is above maxFrequency. All but one of them,
// the implied one, have at most four significant bits, so that a table is short.
type Frequencies [256]uint16

const (
	// maxFrequency keeps a symbol above a hundredth of a bit, so that a packed byte
	// never stands for more than 1024 symbols and few more.
	maxFrequency = tableSize - 32

	significant = 4 // bits of a frequency
)

// NewFrequencies returns frequencies near counts' shares: all symbols that occur
// have one. At least one symbol must occur. The result depends on counts alone.
func NewFrequencies(counts *[256]uint64) Frequencies {
	var total uint64
	implied := 0
	for s, n := range counts {
		total += n
		if n > counts[implied] {
			implied = s
		}
	}
	shift := max(0, bits.Len64(total)-40) // or the products below overflow
	var f Frequencies
	sum := 0 // of all but the implied one
	for s, n := range counts {
		if n > 0 && s != implied {
			share := (n >> shift << tableBits << 8) / (total >> shift) // in 256ths
			f[s] = nearest(uint32(share))
			sum += int(f[s])
		}
	}
	for sum > tableSize-1 { // many rare symbols, each of them at least 1
		most := -1
		for s, v := range f {
			if v > 1 && (most < 0 || v > f[most]) {
				most = s
			}
		}
		lower := f[most] - 1
		for bits.Len16(lower)-bits.TrailingZeros16(lower) > significant {
			lower--
		}
		sum -= int(f[most] - lower)
		f[most] = lower
	}
	if sum < tableSize-maxFrequency {
		other := implied ^ 1
		for s, v := range f {
			if v > f[other] {
				other = s
			}
		}
		sum -= int(f[other])
		f[other] = tableSize - maxFrequency
		sum += int(f[other])
	}
	f[implied] = uint16(tableSize - sum)
	return f
}

// nearest returns the number of at most four significant bits that is nearest to
// share, which is in 256ths, and at least 1.
func nearest(share uint32) uint16 {
	if share < 1<<8 {
		return 1
	}
	drop := max(0, bits.Len32(share)-8-significant) + 8
	v := (share + 1<<(drop-1)) >> drop
	return uint16(v << (drop - 8))
}

// implied returns the symbol of the largest frequency.
func (f *Frequencies) implied() int {
	best := 0
	for s, v := range f {
		if v > f[best] {
			best = s
		}
	}
	return best
}

// Append appends the description of f to b, in whole bytes: the first and the last
// symbol that can occur and the implied one, a byte each; then, for the symbols from
// the first to the last but the implied one, in bits from the lowest of each byte up,
//
//	the change of the frequency's bit length from that of the symbol before (the
//	first: from 0): 0, -1, +1, -2, … as so many 0 bits and a 1
//	the frequency's bits below its highest one, at most three of them, from the top:
//	as a number, its lowest bit first
func (f *Frequencies) Append(b []byte) []byte {
	first, last, implied := 0, 255, f.implied()
	for f[first] == 0 {
		first++
	}
	for f[last] == 0 {
		last--
	}
	// The largest need not be the one that has more bits than four.
	for s, v := range f {
		if v != 0 && bits.Len16(v)-bits.TrailingZeros16(v) > significant {
			implied = s
		}
	}
	w := bitWriter{b: append(b, byte(first), byte(last), byte(implied))}
	before := 0
	for s := first; s <= last; s++ {
		if s == implied {
			continue
		}
		length := bits.Len16(f[s])
		w.add(1<<zigzag(length-before), zigzag(length-before)+1)
		before = length
		if length > 1 {
			below := min(length-1, significant-1)
			w.add(uint64(f[s])>>(length-1-below)&(1<<below-1), below)
		}
	}
	return w.done()
}

// Parse reads the description at the start of b, and returns what follows it.
func Parse(b []byte) (f Frequencies, rest []byte, err error) {
	if len(b) < 3 || b[0] > b[1] || b[2] < b[0] || b[2] > b[1] {
		return f, nil, ErrCorrupt
	}
	first, last, implied := int(b[0]), int(b[1]), int(b[2])
	r := bitReader{b: b[3:]}
	sum, length := 0, 0
	for s := first; s <= last; s++ {
		if s == implied {
			continue
		}
		steps := 0
		for r.take(1) == 0 {
			if steps++; steps > 2*tableBits || r.failed {
				return f, nil, ErrCorrupt
			}
		}
		length += steps>>1 ^ -(steps & 1)
		if length < 0 || length > tableBits {
			return f, nil, ErrCorrupt
		}
		if length == 0 {
			if s == first || s == last {
				return f, nil, ErrCorrupt
			}
			continue
		}
		below := min(length-1, significant-1)
		f[s] = uint16(1<<below|r.take(below)) << (length - 1 - below)
		sum += int(f[s])
	}
	if sum > tableSize-1 || sum < tableSize-maxFrequency || !r.finish() {
		return f, nil, ErrCorrupt
	}
	f[implied] = uint16(tableSize - sum)
	return f, r.b, nil
}

func zigzag(v int) int {
	if v < 0 {
		return -2*v - 1
	}
	return 2 * v
}

// Cost returns what a symbol takes, in 256ths of a bit; a lot if it has no frequency.
func (f *Frequencies) Cost(symbol byte) uint16 { return costs[f[symbol]] }
