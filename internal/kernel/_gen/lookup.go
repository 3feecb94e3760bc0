package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func newLookup(m machine, f32 bool, entries int) lookup {
	switch {
	case m.vbmi:
		return &permuteBytes{words: words{m: m, f32: f32}, entries: entries}
	case m.zmm:
		return &permuteWords{words: words{m: m, f32: f32}, entries: entries}
	default:
		return &shuffleChain{words: words{m: m, f32: f32}}
	}
}

// words makes float32 out of 16-bit halves that stand for neighbouring columns:
// a bfloat16 is the upper half of a float32.
type words struct {
	m    machine
	f32  bool              // there are lower halves too
	high Op                // selects the upper halves
	odd  reg.OpmaskVirtual // 512 bits and float32: the odd 16-bit words
}

func (j *words) setup() {
	j.high = constantD(j.m, 0xFFFF0000)
	if j.f32 && j.m.zmm {
		j.odd = K()
		r := GP32()
		MOVL(U32(0xAAAAAAAA), r)
		KMOVD(r, j.odd)
	}
}

// join gives the even words to step and the odd ones to step+1. lower is nil
// for bfloat16.
func (j *words) join(upper, lower reg.VecVirtual, step int, u use) {
	even, odd := j.m.reg(), j.m.reg()
	VPSLLD(U8(16), upper, even)
	switch {
	case !j.f32:
		and(j.m, j.high, upper, odd)
	case j.m.zmm:
		VPBLENDMW(even, lower, j.odd, even)
		VPSRLD(U8(16), lower, odd)
		VPBLENDMW(upper, odd, j.odd, odd)
	default:
		VPBLENDW(U8(0xAA), even, lower, even)
		VPSRLD(U8(16), lower, odd)
		VPBLENDW(U8(0xAA), upper, odd, odd)
	}
	u(step, even)
	u(step+1, odd)
}

// planes makes float32 out of byte planes. plane(p) emits the lookup of plane
// p, counted from the highest byte down. Unpacking pairs the bytes of a column
// within each 128 bits, which is where the lane order comes from.
func (j *words) planes(plane func(p int) reg.VecVirtual, u use) {
	pair := func(p int) (lo, hi reg.VecVirtual) {
		upper, lower := plane(p), plane(p+1)
		lo, hi = j.m.reg(), j.m.reg()
		VPUNPCKLBW(upper, lower, lo)
		VPUNPCKHBW(upper, lower, hi)
		return lo, hi
	}
	upperLo, upperHi := pair(0)
	var lowerLo, lowerHi reg.VecVirtual
	if j.f32 {
		lowerLo, lowerHi = pair(2)
	}
	j.join(upperLo, lowerLo, 0, u)
	j.join(upperHi, lowerHi, 2, u)
}

// bytes is how many byte planes, or twice how many halves, are not zero.
func (j *words) bytes() int {
	if j.f32 {
		return 4
	}
	return 2
}

func (j *words) name() string {
	if j.f32 {
		return "F32"
	}
	return "BF16"
}

// permuteBytes looks up byte planes: VPERMI2B picks from 128 bytes in two
// registers, twice for 256 entries; VPERMB from 64.
type permuteBytes struct {
	words
	entries int
	table   [4][]reg.VecVirtual // by plane, from the highest byte down
}

func (l *permuteBytes) tables() int { return l.bytes()*l.entries/64 + 1 }

func (l *permuteBytes) setup(table reg.Register) {
	l.words.setup()
	for p := range l.bytes() {
		for i := 0; i < l.entries; i += 64 {
			v := ZMM()
			VMOVDQU8(Mem{Base: table, Disp: tablePlanes + 256*(3-p) + i}, v)
			l.table[p] = append(l.table[p], v)
		}
	}
}

func (l *permuteBytes) weights(idx reg.VecVirtual, u use) {
	var upper reg.OpmaskVirtual
	if l.entries == 256 {
		upper = K()
		VPMOVB2M(idx, upper)
	}
	l.planes(func(p int) reg.VecVirtual {
		a := ZMM()
		if l.entries == 64 {
			VPERMB(l.table[p][0], idx, a)
			return a
		}
		b := ZMM()
		VMOVDQA64(idx, a)
		VPERMI2B(l.table[p][1], l.table[p][0], a)
		VMOVDQA64(idx, b)
		VPERMI2B(l.table[p][3], l.table[p][2], b)
		VPBLENDMB(b, a, upper, a)
		return a
	}, u)
}

// permuteWords looks up 16-bit halves: VPERMI2W picks from 64 words in two
// registers; for 256 entries four of them and a choice by the top two bits.
type permuteWords struct {
	words
	entries int
	zero    reg.VecVirtual
	bit     [2]reg.VecVirtual   // words 1<<6, 1<<7
	table   [2][]reg.VecVirtual // by half, the upper one first
}

func (l *permuteWords) tables() int { return l.bytes()*l.entries/64 + 4 }

func (l *permuteWords) setup(table reg.Register) {
	l.words.setup()
	l.zero = ZMM()
	VPXORD(l.zero, l.zero, l.zero)
	if l.entries == 256 {
		for b := range l.bit {
			l.bit[b] = ZMM()
			broadcastD(0x00400040<<b, l.bit[b])
		}
	}
	for h := range l.bytes() / 2 {
		for i := 0; i < l.entries; i += 32 {
			v := ZMM()
			VMOVDQU8(Mem{Base: table, Disp: tableWords + 512*(1-h) + 2*i}, v)
			l.table[h] = append(l.table[h], v)
		}
	}
}

func (l *permuteWords) weights(idx reg.VecVirtual, u use) {
	unpack := []func(ops ...Op){VPUNPCKLBW, VPUNPCKHBW}
	for h := range 2 {
		words := ZMM()
		unpack[h](l.zero, idx, words)
		var bits [2]reg.OpmaskVirtual
		if l.entries == 256 {
			for b := range bits {
				bits[b] = K()
				VPTESTMW(l.bit[b], words, bits[b])
			}
		}
		var half [2]reg.VecVirtual
		for i := range l.bytes() / 2 {
			t := l.table[i]
			from := func(pair int) reg.VecVirtual {
				v := ZMM()
				VMOVDQA64(words, v)
				VPERMI2W(t[2*pair+1], t[2*pair], v)
				return v
			}
			half[i] = from(0)
			if l.entries == 256 {
				VPBLENDMW(from(1), half[i], bits[0], half[i])
				upper := from(2)
				VPBLENDMW(from(3), upper, bits[0], upper)
				VPBLENDMW(upper, half[i], bits[1], half[i])
			}
		}
		l.join(half[0], half[1], 2*h, u)
	}
}

// shuffle16 looks up byte planes of 16 entries by VPSHUFB, at any width.
type shuffle16 struct {
	words
	table [4]Op // kept in registers if there are 32
}

func newShuffle16(m machine, f32 bool) lookup {
	return &shuffle16{words: words{m: m, f32: f32}}
}

func (l *shuffle16) tables() int { return l.bytes() + 1 }

func (l *shuffle16) setup(table reg.Register) {
	l.words.setup()
	for p := range l.bytes() {
		mem := Mem{Base: table, Disp: tablePlanes + 256*(3-p)}
		if !l.m.zmm {
			l.table[p] = mem
			continue
		}
		v := ZMM()
		VBROADCASTI32X4(mem, v)
		l.table[p] = v
	}
}

func (l *shuffle16) weights(idx reg.VecVirtual, u use) {
	l.planes(func(p int) reg.VecVirtual {
		v := l.m.reg()
		if l.m.zmm {
			VPSHUFB(idx, l.table[p], v)
			return v
		}
		VBROADCASTI128(l.table[p], v)
		VPSHUFB(idx, v, v)
		return v
	}, u)
}

// shuffleChain looks up byte planes of 64 entries by VPSHUFB of 16 at a time.
// The index loses 16 at each step, and VPSHUFB gives zero once that makes it
// negative: entry 16·k + i is the exclusive or of what the first k+1 steps give
// for i. So the tables hold differences (kernel.Table).
type shuffleChain struct {
	words
	table reg.Register
}

func (l *shuffleChain) tables() int { return 0 }

func (l *shuffleChain) setup(table reg.Register) {
	l.words.setup()
	l.table = table
}

func (l *shuffleChain) weights(idx reg.VecVirtual, u use) {
	var sum [4]reg.VecVirtual // by plane
	for first := 0; first < 64; first += 16 {
		if first > 0 {
			VPSUBB(constantD(l.m, 0x10101010), idx, idx)
		}
		for p := range l.bytes() {
			v := YMM()
			VBROADCASTI128(Mem{Base: l.table, Disp: tableChain + 64*(3-p) + first}, v)
			VPSHUFB(idx, v, v)
			if first == 0 {
				sum[p] = v
			} else {
				VPXOR(v, sum[p], sum[p])
			}
		}
	}
	l.planes(func(p int) reg.VecVirtual { return sum[p] }, u)
}
