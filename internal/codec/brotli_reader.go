package codec

import (
	"encoding/binary"
	"math/bits"
)

// literalsReader unpacks the streams that brotliLiterals writes, several times
// as fast as a general decoder. The zero value is ready.
type literalsReader struct {
	bits bitReader

	lengths  [256]uint8
	ofLength [maxBrotliBits + 1]uint16 // how many codes have each length
	sorted   [256]uint8                // symbols, by length, then value

	// pairs tells what the next pairBits bits say: up to two symbols in the low
	// bytes, the length of their codes from bit 16, their number from bit 24,
	// which is 0 if the first code is longer than that.
	pairs [1 << pairBits]uint32
}

const (
	pairBits = 12
	pairMask = 1<<pairBits - 1
)

// decode fills dst, or says no: the stream is damaged or of another kind. Which
// of the two is for the general decoder to find out.
func (d *literalsReader) decode(dst, src []byte) bool {
	r := &d.bits
	*r = bitReader{src: src}
	defer func() { r.src = nil }()
	if r.take(1) != 0 { // WBITS of 16
		return false
	}
	for {
		if r.take(1) == 1 { // ISLAST
			return r.take(1) == 1 && r.align() && r.pos == len(src) && len(dst) == 0
		}
		nibbles := 4 + r.take(2)
		if nibbles > 6 {
			return false
		}
		n := int(r.take(4*nibbles)) + 1
		if r.bad || n > len(dst) || nibbles > 4 && n <= 1<<(4*nibbles-4) {
			return false
		}
		block := dst[:n]
		dst = dst[n:]
		if r.take(1) == 1 { // ISUNCOMPRESSED
			if !r.align() || len(src)-r.pos < n {
				return false
			}
			r.pos += copy(block, src[r.pos:])
			continue
		}
		if r.take(13) != 0 { // one of everything; see brotliEncoder.metablock
			return false
		}
		only, ok := d.readLiteralCode()
		if !ok || !d.readCommand(n) {
			return false
		}
		if only >= 0 {
			fill(block, byte(only))
		} else if !d.readLiterals(block) {
			return false
		}
	}
}

// readCommand reads the commands' and the distances' prefix codes, of one symbol
// each, and the one command, which must insert n literals.
func (d *literalsReader) readCommand(n int) bool {
	r := &d.bits
	symbol, extra, extraBits := insertCommand(n)
	return r.take(4) == 1 && int(r.take(10)) == symbol &&
		r.take(4) == 1 && r.take(6) < 64 &&
		r.take(extraBits) == extra && !r.bad
}

// readLiteralCode reads a prefix code (RFC 7932, 3.4 and 3.5) into the tables.
// If it has only one symbol, that is returned, else -1.
func (d *literalsReader) readLiteralCode() (only int, ok bool) {
	r := &d.bits
	clear(d.lengths[:])
	skip := r.take(2)
	if skip == 1 {
		n := int(r.take(2)) + 1
		var symbols [4]uint8
		for i := range n {
			symbols[i] = uint8(r.take(8))
		}
		if n == 1 {
			return int(symbols[0]), !r.bad
		}
		shape := [5][4]uint8{2: {1, 1}, 3: {1, 2, 2}, 4: {2, 2, 2, 2}}[n]
		if n == 4 && r.take(1) == 1 {
			shape = [4]uint8{1, 2, 3, 3}
		}
		for i, s := range symbols[:n] {
			if d.lengths[s] != 0 {
				return -1, false
			}
			d.lengths[s] = shape[i]
		}
	} else if !d.readLengths(skip) {
		return -1, false
	}
	d.buildTables()
	return -1, !r.bad
}

// readLengths reads the lengths of a complex prefix code.
func (d *literalsReader) readLengths(skip uint) bool {
	r := &d.bits
	// The code that the lengths are in: at most 5 bits, so a table of 32.
	var lengths [len(lengthOrder)]uint8
	room := 32
	for _, s := range lengthOrder[skip:] {
		n := r.takeLengthLength()
		lengths[s] = n
		if n > 0 {
			if room -= 32 >> n; room <= 0 {
				break
			}
		}
	}
	if room != 0 { // not even if there is only one; see complexCode
		return false
	}
	var table [32]struct{ symbol, bits uint8 }
	next := 0 // in order of the codes' values, first bit highest
	for n := uint8(1); n <= 5; n++ {
		for s, l := range lengths {
			if l == n {
				for range 32 >> n {
					i := bits.Reverse8(uint8(next)) >> 3
					table[i].symbol, table[i].bits = uint8(s), n
					next++
				}
			}
		}
	}
	room = 1 << maxBrotliBits
	last, repeat, repeated := uint8(8), 0, uint8(0)
	for i := 0; room > 0; {
		r.fill(5)
		e := table[r.acc&31]
		r.take(uint(e.bits))
		if e.symbol < 16 {
			if i >= len(d.lengths) || e.symbol > maxBrotliBits || r.bad {
				return false
			}
			d.lengths[i] = e.symbol
			i++
			repeat = 0
			if e.symbol != 0 {
				last = e.symbol
				room -= 1 << maxBrotliBits >> e.symbol
			}
			continue
		}
		// A digit of a repeat count; see appendRepeat.
		value, digitBits := last, uint(2)
		if e.symbol == 17 {
			value, digitBits = 0, 3
		}
		if repeated != e.symbol {
			repeat, repeated = 0, e.symbol
		}
		before := repeat
		if repeat > 0 {
			repeat = (repeat - 2) << digitBits
		}
		repeat += int(r.take(digitBits)) + 3
		more := repeat - before
		if more > len(d.lengths)-i || r.bad {
			return false
		}
		for range more {
			d.lengths[i] = value
			i++
		}
		if value != 0 {
			room -= more << maxBrotliBits >> value
		}
	}
	return room == 0
}

// buildTables prepares for the code that d.lengths describes, which is complete.
func (d *literalsReader) buildTables() {
	clear(d.ofLength[:])
	clear(d.pairs[:])
	position, next := 0, uint16(0)
	for n := uint8(1); n <= maxBrotliBits; n++ {
		next <<= 1
		for s, l := range d.lengths {
			if l != n {
				continue
			}
			d.sorted[position] = uint8(s)
			position++
			d.ofLength[n]++
			if n <= pairBits {
				reversed := bits.Reverse16(next) >> (16 - n)
				for i := int(reversed); i < len(d.pairs); i += 1 << n {
					d.pairs[i] = uint32(s) | uint32(n)<<16 | 1<<24
				}
			}
			next++
		}
	}
	// From the end, since what follows the first code is a smaller number: the
	// entry there still is of one symbol.
	for i := len(d.pairs) - 1; i >= 0; i-- {
		first := d.pairs[i]
		if first == 0 {
			continue
		}
		second := d.pairs[i>>(first>>16&0xff)]
		if total := first>>16&0xff + second>>16&0xff; second != 0 && total <= pairBits {
			d.pairs[i] = first&0xff | second&0xff<<8 | total<<16 | 2<<24
		}
	}
}

// readLiterals fills dst with coded bytes.
func (d *literalsReader) readLiterals(dst []byte) bool {
	src, pos, acc, n := d.bits.src, d.bits.pos, d.bits.acc, d.bits.n
	out := 0
	for len(dst)-out >= 8 && len(src)-pos >= 8 {
		// Fill up to 56 bits or more, enough for four times maxBrotliBits.
		acc |= binary.LittleEndian.Uint64(src[pos:]) << (n & 63)
		pos += int(63-n) >> 3
		n |= 56
		for range 4 {
			e := d.pairs[acc&pairMask]
			if e == 0 {
				e = d.longCode(acc)
			}
			binary.LittleEndian.PutUint16(dst[out:], uint16(e))
			out += int(e >> 24)
			used := uint(e >> 16 & 0xff)
			acc >>= used & 63
			n -= used
		}
	}
	d.bits.pos, d.bits.acc, d.bits.n = pos, acc&(1<<n-1), n
	for ; out < len(dst); out++ {
		d.bits.fill(maxBrotliBits)
		e := d.longCode(d.bits.acc)
		dst[out] = byte(e)
		d.bits.take(uint(e >> 16 & 0xff))
	}
	return !d.bits.bad
}

// longCode finds the code at the start of acc, of any length, bit by bit. The
// result is like an entry of pairs. A complete code always has one.
func (d *literalsReader) longCode(acc uint64) uint32 {
	value, first, position := 0, 0, 0
	for n := 1; n <= maxBrotliBits; n++ {
		value = value<<1 | int(acc&1)
		acc >>= 1
		count := int(d.ofLength[n])
		if value-first < count {
			return uint32(d.sorted[position+value-first]) | uint32(n)<<16 | 1<<24
		}
		position += count
		first = (first + count) << 1
	}
	return maxBrotliBits<<16 | 1<<24
}

// bitReader takes bits from the lowest of each byte up.
type bitReader struct {
	src []byte
	pos int
	acc uint64
	n   uint // bits in acc; those above are 0
	bad bool // more bits were taken than there are
}

// fill makes k bits ready in acc, k at most 32; zeros follow the end of src.
func (r *bitReader) fill(k uint) {
	for r.n < k && r.pos < len(r.src) {
		r.acc |= uint64(r.src[r.pos]) << r.n
		r.pos++
		r.n += 8
	}
}

func (r *bitReader) take(k uint) uint {
	r.fill(k)
	v := uint(r.acc & (1<<k - 1))
	r.acc >>= k
	if r.n < k {
		r.bad, r.n = true, k
	}
	r.n -= k
	return v
}

// takeLengthLength takes one of 0 to 5 in the code of lengthLengthCodes.
func (r *bitReader) takeLengthLength() uint8 {
	switch r.take(2) {
	case 0:
		return 0
	case 1:
		return 4
	case 2:
		return 3
	}
	if r.take(1) == 0 {
		return 2
	}
	return uint8(1 + 4*r.take(1))
}

// align moves to the next whole byte. The bits passed over must be 0.
func (r *bitReader) align() bool {
	ok := r.take(r.n%8) == 0
	r.pos -= int(r.n / 8)
	r.acc, r.n = 0, 0
	return ok && !r.bad
}
