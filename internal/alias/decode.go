package alias

import "encoding/binary"

// decoder is what is left to be decoded.
type decoder struct {
	states [lanes]uint32
	words  []byte // those not taken yet
	raw    []byte // of the steps not decoded yet; what follows them can be read, too
}

// Decode fills dst, 32 codes for each step of the plan, from src, all of which it must need: else it is ErrCorrupt, as is any
// src that Encode cannot have written. It panics if dst is of another length, or the plan has a table that is not there.
// Tables, plan and src are not kept.
func Decode(dst, src []byte, tables []Table, plan []byte) error {
	if len(dst) != Step*len(plan) {
		panic("alias: codes and plan differ in length")
	}
	raw := rawLen(tables, plan)
	if len(src) < headLen+raw+statesLen {
		return ErrCorrupt
	}
	exceptions := binary.LittleEndian.Uint32(src)
	d := decoder{raw: src[headLen:], words: src[headLen+raw+statesLen:]}
	if uint64(exceptions) > uint64(len(d.words)) {
		return ErrCorrupt
	}
	split := len(d.words) - int(exceptions)
	list := d.words[split:]
	if d.words = d.words[:split]; split%2 != 0 {
		return ErrCorrupt
	}
	for i := range d.states {
		d.states[i] = binary.LittleEndian.Uint32(d.raw[raw+4*i:])
		if d.states[i] < floor {
			return ErrCorrupt
		}
	}
	for done := d.quads(dst, tables, plan); done < len(plan); done += quad {
		if !d.some(dst[done*Step:], tables, plan[done:min(done+quad, len(plan))]) {
			return ErrCorrupt
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
	return putExceptions(dst, list, tables, plan)
}

// some decodes at most four steps and takes the words that the states need then. It tells whether there were enough.
func (d *decoder) some(dst []byte, tables []Table, steps []byte) bool {
	for i, t := range steps {
		d.step(dst[i*Step:][:Step], &tables[t], (*[Step]uint32)(d.states[i%2*Step:]))
	}
	words, taken := d.words, 0
	if len(words) < 2*lanes { // as many as could be needed, for the loop's sake
		var padded [2 * lanes]byte
		copy(padded[:], words)
		words = padded[:]
	}
	words = words[:2*lanes]
	for i, x := range d.states {
		low := uint32(int64(uint64(x)-floor) >> 63) // all ones if x < floor; a branch would be guessed wrong
		d.states[i] = x<<(low&16) | uint32(binary.LittleEndian.Uint16(words[taken:]))&low
		taken += int(low & 2)
	}
	if taken > len(d.words) {
		return false
	}
	d.words = d.words[taken:]
	return true
}

func (d *decoder) step(dst []byte, t *Table, states *[Step]uint32) {
	dst = dst[:Step]
	for i, x := range states {
		e := t.entries[x%slots]
		states[i] = e%slots*(x>>8) + e>>8%slots
		dst[codeOf[i]%Step] = byte(e >> 16)
	}
	if n := int(t.extra); n > 0 {
		mask := byte(1)<<n - 1
		for p := 0; p < Step; p += 8 { // which take n bytes
			raw := binary.LittleEndian.Uint32(d.raw)
			for k := range 8 {
				dst[p+k] += byte(raw>>(k*n)) & mask
			}
			d.raw = d.raw[n:]
		}
	}
}

// putExceptions sets codes that tables don't have.
func putExceptions(codes, list []byte, tables []Table, plan []byte) error {
	for next := uint64(0); len(list) > 0; next++ {
		step, n := binary.Uvarint(list)
		if n <= 0 || n == len(list) || n > 1 && list[n-1] == 0 || step >= uint64(len(codes))-next {
			return ErrCorrupt
		}
		next += step
		t, code := &tables[plan[next/Step]], list[n]
		if _, ok := t.symbol(code); ok || codes[next] != t.fill {
			return ErrCorrupt
		}
		codes[next] = code
		list = list[n+1:]
	}
	return nil
}
