// Package rans packs bytes with range asymmetric numeral systems (Duda,
// arXiv:1311.2540), within about a thousandth of the entropy that its tables
// imply.
//
// 32 states go side by side: symbol t is state t mod 32's. So the work of
// decoding has no long chain, and vector instructions decode 16 symbols at once;
// the bytes are the same for every machine. All states share one stream of
// 16-bit words, and take their next word in the order in which they need one.
//
// A state is a number of 2^16 … 2^32-1. A symbol of frequency f of 4096, at
// cumulative frequency c, is decoded from state x when c <= x mod 4096 < c+f:
//
//	x = f*floor(x/4096) + x mod 4096 - c
//	if x < 2^16: x = 2^16*x + next word
//
// Which frequencies a symbol has may change from one to the next: a block of bytes
// is packed as runs, each with frequencies of its own.
package rans

import (
	"encoding/binary"
	"errors"
)

// ErrCorrupt says that packed bytes are not what Encode writes.
var ErrCorrupt = errors.New("corrupt rans data")

const (
	lanes     = 32
	tableBits = 12
	tableSize = 1 << tableBits
	floor     = 1 << 16 // the smallest state

	statesLen = 4 * lanes
)

// Run is a number of symbols that share frequencies.
type Run struct {
	Frequencies *Frequencies
	N           int
}

// Encode appends src, cut into runs, to dst: the 32 states that decoding starts
// with, as little-endian u32, and the words, as u16. It reports whether all symbols
// that occur have a frequency; dst is as it was if not.
func Encode(dst, src []byte, runs []Run) ([]byte, bool) {
	var states [lanes]uint32
	for i := range states {
		states[i] = floor
	}
	start := len(dst)
	dst = append(dst, make([]byte, statesLen)...)
	t := len(src)
	for i := len(runs) - 1; i >= 0; i-- {
		var codes [256]struct{ start, frequency uint32 }
		sum := uint32(0)
		for s, v := range runs[i].Frequencies {
			codes[s].start, codes[s].frequency = sum, uint32(v)
			sum += uint32(v)
		}
		for range runs[i].N {
			t--
			c := &codes[src[t]]
			if c.frequency == 0 {
				return dst[:start], false
			}
			x := states[t%lanes]
			if x >= c.frequency<<(32-tableBits) {
				dst = append(dst, byte(x>>8), byte(x)) // turned around below
				x >>= 16
			}
			states[t%lanes] = x/c.frequency<<tableBits + x%c.frequency + c.start
		}
	}
	words := dst[start+statesLen:]
	for i, j := 0, len(words)-1; i < j; i, j = i+1, j-1 {
		words[i], words[j] = words[j], words[i]
	}
	for i, x := range states {
		binary.LittleEndian.PutUint32(dst[start+4*i:], x)
	}
	return dst, true
}

// Decoder is working memory, of 16 KiB. The zero value is ready; it serves one
// goroutine at a time.
type Decoder struct {
	states [lanes]uint32
	words  []byte // those not taken yet

	// Of the run: by x mod 4096, the symbol, its frequency << 8, and the distance from
	// its cumulative frequency << 20.
	entries [tableSize + vectorLen]uint32
}

// vectorLen is how many entries may be written beyond the last.
const vectorLen = 16

// Decode fills dst, whose length is that of all runs, from src, all of which it
// must need: else it is ErrCorrupt, as is any src that Encode cannot have written
// for as many symbols.
func (d *Decoder) Decode(dst, src []byte, runs []Run) error {
	if len(src) < statesLen || len(src)%2 != 0 {
		return ErrCorrupt
	}
	d.words = src[statesLen:]
	defer func() { d.words = nil }()
	for i := range d.states {
		d.states[i] = binary.LittleEndian.Uint32(src[4*i:])
		if d.states[i] < floor {
			return ErrCorrupt
		}
	}
	lane := 0
	for _, run := range runs {
		if run.N == 0 {
			continue
		}
		d.fill(run.Frequencies)
		part := dst[:run.N]
		dst = dst[run.N:]
		if lane != 0 {
			n := min(lanes-lane, len(part))
			if !d.some(part[:n], lane) {
				return ErrCorrupt
			}
			part = part[n:]
			lane = (lane + n) % lanes
		}
		if len(part) == 0 {
			continue
		}
		for n := d.steps(part); n < len(part); {
			m := min(lanes, len(part)-n)
			if !d.some(part[n:n+m], 0) {
				return ErrCorrupt
			}
			n += m
			lane = m % lanes
		}
	}
	for _, x := range d.states {
		if x != floor {
			return ErrCorrupt
		}
	}
	if len(d.words) != 0 {
		return ErrCorrupt
	}
	return nil
}

// fillPortable sets the entries.
func (d *Decoder) fillPortable(f *Frequencies) {
	entries := d.entries[:tableSize]
	for s, v := range f {
		if v == 0 {
			continue
		}
		e := uint32(s) | uint32(v)<<8
		for i := range entries[:v] {
			entries[i] = e
			e += 1 << 20
		}
		entries = entries[v:]
	}
}

// some decodes len(dst) symbols, the first of them state lane's; no more than there
// are states from that on. It tells whether there were words enough.
func (d *Decoder) some(dst []byte, lane int) bool {
	states := d.states[lane:][:len(dst)]
	words, taken := d.words, 0
	if len(words) < 2*lanes { // as many as could be needed, for the loop's sake
		var padded [2 * lanes]byte
		copy(padded[:], words)
		words = padded[:]
	}
	words = words[:2*lanes]
	for i, x := range states {
		e := d.entries[x%tableSize]
		dst[i] = byte(e)
		x = e>>8%tableSize*(x>>tableBits) + e>>20
		low := uint32(int64(uint64(x)-floor) >> 63) // all ones if x < floor; a branch would be guessed wrong
		states[i] = x<<(low&16) | uint32(binary.LittleEndian.Uint16(words[taken:]))&low
		taken += int(low & 2)
	}
	if taken > len(d.words) {
		return false
	}
	d.words = d.words[taken:]
	return true
}
