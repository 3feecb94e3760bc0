// Package alias packs bytes with range asymmetric numeral systems (Duda, arXiv:1311.2540) whose tables lie in vector
// registers: 16 symbols found by the alias method (Walker 1977), so that a lookup is a byte shuffle and no gather.
//
// A [Table] gives 256 slots to 16 symbols. A symbol is a run of 2^e codes, of which e extra bits, stored as they are, say
// which. So a table holds 16·2^e neighbouring codes; rare ones beyond are exceptions, listed by themselves.
//
// 32 codes make a step, which has one table. 64 states go side by side: even steps take the lower 32, odd steps the upper
// ones, code p of a step that of [place] p. A state is a number of 2^16 … 2^32-1, of which the low byte is the slot of the
// code: a symbol with f slots, of which it is number j, is decoded from state x by
//
//	x = f·⌊x/256⌋ + j
//
// After every fourth step, and after the last, each state below 2^16, in order, becomes 2^16·x + the next word: every
// state has been used twice at most, which takes no more than 16 bits. At the end all are 2^16.
//
// Packed, n steps are
//
//	u32 LE        bytes of exceptions
//	raw bits      of each step 32 numbers of e bits, the first lowest: 4·e bytes
//	64 × u32 LE   states
//	u16 LE …      words
//	exceptions    of each LEB128 of the distance of its position from the first that it may have, and its code
//
// The bytes are the same for every machine.
package alias

import (
	"encoding/binary"
	"errors"
)

// ErrCorrupt says that packed bytes are not what Encode writes.
var ErrCorrupt = errors.New("corrupt alias-coded data")

// Step is how many codes have a table together.
const Step = 32

const (
	lanes     = 2 * Step
	quad      = 4       // steps from one taking of words to the next
	floor     = 1 << 16 // the smallest state
	statesLen = 4 * lanes
	headLen   = 4
)

// place is which of 32 states is that of code p of a step: as two packings of 32-bit numbers to bytes, in halves of
// registers of 256 bits, leave them.
func place(p int) int { return p>>2&3<<3 | p>>4<<2 | p&3 }

// rawLen is the length of the raw bits of a plan: the table of each step.
func rawLen(tables []Table, plan []byte) (n int) {
	for _, t := range plan {
		n += int(tables[t].extra) * (Step / 8)
	}
	return n
}

// Encode appends the packed form of codes to dst: 32 for each step of the plan, which says which of the tables it has. It
// panics if there are not so many.
func Encode(dst, codes []byte, tables []Table, plan []byte) []byte {
	if len(codes) != Step*len(plan) {
		panic("alias: codes and plan differ in length")
	}
	raw := rawLen(tables, plan)
	start := len(dst)
	dst = append(dst, make([]byte, headLen+raw+statesLen)...)
	encoders := make([]encoder, len(tables))
	for i := range tables {
		encoders[i].init(&tables[i])
	}
	at := dst[start+headLen:]
	for i, t := range plan {
		at = encoders[t].putRaw(at, codes[i*Step:][:Step])
	}
	var states [lanes]uint32
	dst = encodeStates(&states, dst, codes, encoders, plan)
	for i, x := range states {
		binary.LittleEndian.PutUint32(dst[start+headLen+raw+4*i:], x)
	}
	end := len(dst)
	next := 0 // the first position that an exception may have
	for i, t := range plan {
		for p, code := range codes[i*Step:][:Step] {
			if encoders[t].of[code].exceptional {
				dst = binary.AppendUvarint(dst, uint64(i*Step+p-next))
				dst = append(dst, code)
				next = i*Step + p + 1
			}
		}
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-end))
	return dst
}

// encodeStates sets states to those that decoding starts with, and appends the words to dst.
func encodeStates(states *[lanes]uint32, dst, codes []byte, encoders []encoder, plan []byte) []byte {
	for i := range states {
		states[i] = floor
	}
	start := len(dst)
	for first := (len(plan) - 1) / quad * quad; first >= 0; first -= quad {
		steps := plan[first:min(first+quad, len(plan))]
		for half := 1; half >= 0; half-- {
			part := (*[Step]uint32)(states[half*Step:])
			var list [quad / 2]pushing // the steps of this half, and the codes
			n := 0
			for s := half; s < len(steps); s += 2 {
				list[n] = pushing{&encoders[steps[s]], (*[Step]byte)(codes[(first+s)*Step:])}
				n++
			}
			dst = encodeHalf(part, dst, list[:n])
		}
	}
	words := dst[start:]
	for i, j := 0, len(words)-1; i < j; i, j = i+1, j-1 {
		words[i], words[j] = words[j], words[i]
	}
	return dst
}

// pushing is the codes of a step, on their way into states.
type pushing struct {
	by    *encoder
	codes *[Step]byte
}

// encodeHalf pushes the codes of at most two steps, the last first, into the states that decode them, and appends the words
// that these have no room for, the last first and turned around.
func encodeHalf(states *[Step]uint32, dst []byte, steps []pushing) []byte {
	if len(steps) == 0 {
		return dst
	}
	for i := Step - 1; i >= 0; i-- {
		p := codeOf[i]
		most := uint32(1 << 24)
		for _, s := range steps[1:] {
			most = most >> 8 * s.by.of[s.codes[p]].frequency
		}
		x := states[i]
		if x >= most*steps[0].by.of[steps[0].codes[p]].frequency {
			dst = append(dst, byte(x>>8), byte(x))
			x >>= 16
		}
		for k := len(steps) - 1; k >= 0; k-- {
			s := &steps[k]
			c := &s.by.of[s.codes[p]]
			x = x/c.frequency<<8 | uint32(s.by.slots[c.first+uint8(x%c.frequency)])
		}
		states[i] = x
	}
	return dst
}

// codeOf is which code of a step each of the 32 states has.
var codeOf = func() (c [Step]uint8) {
	for p := range c {
		c[place(p)] = uint8(p)
	}
	return c
}()

// encoder is a table by code.
type encoder struct {
	extra int
	slots [slots]uint8 // of each symbol, from its first on
	of    [256]struct {
		frequency   uint32 // of its symbol
		first       uint8  // of the symbol's slots
		raw         uint8  // the extra bits
		exceptional bool   // the table's Fill takes its place
	}
}

func (e *encoder) init(t *Table) {
	var first [symbols]uint8
	n := uint8(0)
	for s := range first {
		first[s] = n
		n += t.frequency[s]
	}
	for slot := range slots {
		s, j := t.lookup(uint8(slot))
		e.slots[first[s]+j] = uint8(slot)
	}
	e.extra = int(t.extra)
	for code := range e.of {
		s, ok := t.symbol(byte(code))
		c := &e.of[code]
		c.frequency, c.first, c.exceptional = uint32(t.frequency[s]), first[s], !ok
		if ok {
			c.raw = uint8(code) - t.code[s]
		}
	}
}

// putRaw writes the raw bits of a step, and returns what follows them.
func (e *encoder) putRaw(raw, codes []byte) []byte {
	n := e.extra
	if n == 0 {
		return raw
	}
	for p, code := range codes {
		v := uint16(e.of[code].raw) << (p * n % 8)
		raw[p*n/8] |= byte(v)
		raw[p*n/8+1] |= byte(v >> 8)
	}
	return raw[n*Step/8:]
}
