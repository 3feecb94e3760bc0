package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The decoder of package alias: 64 states in eight registers, the tables' 16 bytes looked up by VPSHUFB.

// Offsets in alias.Table, and its size.
const (
	aliasDivider   = 0
	aliasAlias     = 16
	aliasOffset    = 32
	aliasFrequency = 48
	aliasCode      = 64
	aliasExtra     = 80
	aliasTable     = 96 + 4*256
)

const (
	aliasStep      = 32 // codes
	aliasRegisters = 4  // of a step's states
	aliasMaxExtra  = 4
)

// aliasDecoder generates it.
func aliasDecoder() {
	ConstraintExpr("!noasm")
	d := &aliasDecoding{m: machine{level: "avx2"}}
	TEXT("decodeAVX2", NOSPLIT, "func(dst *byte, quads int, words *byte, left int, states *[64]uint32, tables, plan, raw *byte, spread *[256][16]byte) (done, taken, rawTaken int)")
	Pragma("noescape")
	Doc("decodeAVX2 decodes at most quads times four steps, as long as 64 of the words are left before each four. It returns how many",
		"fours these were, and how many words and raw bytes they took. 16 bytes behind the raw ones may be read.")
	dst, quads := Load(Param("dst"), GP64()), Load(Param("quads"), GP64())
	d.words = Load(Param("words"), GP64())
	left := Load(Param("left"), GP64())
	states := Load(Param("states"), GP64())
	for i := range d.states {
		d.states[i] = YMM()
		VMOVDQU(Mem{Base: states, Disp: 32 * i}, d.states[i])
	}
	d.tables, d.plan, d.raw = Load(Param("tables"), GP64()), Load(Param("plan"), GP64()), Load(Param("raw"), GP64())
	d.spread, d.unpack = Load(Param("spread"), GP64()), GP64()
	LEAQ(aliasRawControls(d.m), d.unpack)
	last, done := GP64(), GP64()
	LEAQ(Mem{Base: d.words, Index: left, Scale: 2, Disp: -128}, last) // where 64 words are left
	XORQ(done, done)

	Label("quad")
	CMPQ(done, quads)
	JGE(LabelRef("end"))
	CMPQ(d.words, last)
	JA(LabelRef("end"))
	for i := range 4 {
		d.step(i%2, i, Mem{Base: dst, Disp: i * aliasStep})
	}
	for i := range d.states {
		d.refill(d.states[i])
	}
	ADDQ(U8(4), d.plan)
	SUBQ(I8(-128), dst)
	INCQ(done)
	JMP(LabelRef("quad"))

	Label("end")
	states = Load(Param("states"), GP64())
	for i, s := range d.states {
		VMOVDQU(s, Mem{Base: states, Disp: 32 * i})
	}
	VZEROUPPER()
	Store(done, ReturnIndex(0))
	start := Load(Param("words"), GP64())
	SUBQ(start, d.words)
	SHRQ(U8(1), d.words)
	Store(d.words, ReturnIndex(1))
	start = Load(Param("raw"), GP64())
	SUBQ(start, d.raw)
	Store(d.raw, ReturnIndex(2))
	RET()
}

type aliasDecoding struct {
	m                machine
	words, plan, raw reg.Register // those not taken yet
	tables, spread   reg.Register
	unpack           reg.GPVirtual
	states           [2 * aliasRegisters]reg.VecVirtual
}

// step decodes the codes of one half of the states.
func (d *aliasDecoding) step(half, i int, dst Mem) {
	x := d.states[half*aliasRegisters:][:aliasRegisters]
	t, e := GP64(), GP64()
	MOVBQZX(Mem{Base: d.plan, Disp: i}, t)
	IMUL3Q(U32(aliasTable), t, t)
	ADDQ(d.tables, t)
	MOVBQZX(Mem{Base: t, Disp: aliasExtra}, e)
	table := func(field int) reg.VecVirtual {
		v := YMM()
		VBROADCASTI128(Mem{Base: t, Disp: field}, v)
		return v
	}

	// The slots: the low byte of every state.
	slot, upper := YMM(), YMM()
	low := constantD(d.m, 255)
	var bytes [aliasRegisters]reg.VecVirtual
	for k := range bytes {
		bytes[k] = YMM()
		VPAND(low, x[k], bytes[k])
	}
	VPACKUSDW(bytes[1], bytes[0], slot)
	VPACKUSDW(bytes[3], bytes[2], upper)
	VPACKUSWB(upper, slot, slot)

	cell, place := YMM(), YMM()
	VPSRLW(U8(4), slot, cell)
	VPAND(everyByte(d.m, 15), cell, cell)
	VPAND(everyByte(d.m, 15), slot, place)
	own := table(aliasDivider)
	VPSHUFB(cell, own, own)
	VPCMPGTB(place, own, own)
	symbol := table(aliasAlias)
	VPSHUFB(cell, symbol, symbol)
	VPBLENDVB(own, cell, symbol, symbol)
	number := table(aliasOffset)
	VPSHUFB(cell, number, number)
	VPANDN(number, own, number)
	VPADDB(number, place, number)
	frequency := table(aliasFrequency)
	VPSHUFB(symbol, frequency, frequency)
	code := table(aliasCode)
	VPSHUFB(symbol, code, code)

	for k := range x {
		wide := d.widen(k)
		f, j := YMM(), YMM()
		VPSRLD(U8(8), x[k], x[k])
		VPSHUFB(wide, frequency, f)
		VPMULLD(f, x[k], x[k])
		VPSHUFB(wide, number, j)
		VPADDD(j, x[k], x[k])
	}

	extra := d.rawBits(e)
	VPADDB(extra, code, code)
	VMOVDQU(code, dst)
}

// widen is the order of bytes that makes 32-bit numbers of those of register k of the states.
func (d *aliasDecoding) widen(k int) Mem {
	order := make([]byte, 32)
	for i := range order {
		if order[i] = 0x80; i%4 == 0 {
			order[i] = byte(4*k + i%16/4)
		}
	}
	return bytesConstant(d.m, "widen"+string(rune('0'+k)), order)
}

// rawBits takes 32 numbers of e bits.
func (d *aliasDecoding) rawBits(e reg.GPVirtual) reg.VecVirtual {
	even := YMM()
	VBROADCASTI128(Mem{Base: d.raw}, even)
	LEAQ(Mem{Base: d.raw, Index: e, Scale: 4}, d.raw)
	IMUL3Q(U32(aliasRawControlLen), e, e)
	ADDQ(d.unpack, e)
	control := func(i int) Mem { return Mem{Base: e, Disp: 32 * i} }
	odd := YMM()
	VPSHUFB(control(2), even, odd)
	VPSHUFB(control(0), even, even)
	VPMULLW(control(1), even, even)
	VPAND(control(4), even, even)
	VPSRLW(U8(8), even, even)
	VPMULLW(control(3), odd, odd)
	VPAND(control(4), odd, odd)
	VPOR(even, odd, odd)
	return odd
}

const aliasRawControlLen = 5 * 32

// aliasRawControls are, by e: the bytes that hold the numbers of even codes, a word each, and what brings them to the word's
// upper byte; the same of odd codes; and a mask of the upper byte of words.
func aliasRawControls(m machine) Mem {
	var data []byte
	for e := range aliasMaxExtra + 1 {
		for odd := range 2 {
			bytes, factors := make([]byte, 32), make([]byte, 32)
			for i := range 16 {
				at := (2*i + odd) * e
				bytes[2*i], bytes[2*i+1] = byte(at/8), byte(at/8+1)
				factor := 1 << (8 - at%8)
				factors[2*i], factors[2*i+1] = byte(factor), byte(factor>>8)
			}
			data = append(append(data, bytes...), factors...)
		}
		for range 16 {
			data = append(data, 0, 1<<e-1)
		}
	}
	return bytesConstant(m, "rawControls", data)
}

// refill gives states below 2^16 the next words.
func (d *aliasDecoding) refill(x reg.VecVirtual) {
	below, words, mask, n := YMM(), XMM(), GP64(), GP64()
	VPMINUD(constantD(d.m, 0xffff), x, below)
	VPCMPEQD(x, below, below)
	VMOVMSKPS(below, mask.As32())
	VMOVDQU(Mem{Base: d.words}, words)
	POPCNTL(mask.As32(), n.As32())
	LEAQ(Mem{Base: d.words, Index: n, Scale: 2}, d.words)
	SHLQ(U8(4), mask)
	VPSHUFB(Mem{Base: d.spread, Index: mask, Scale: 1}, words, words)
	wide := YMM()
	VPMOVZXWD(words, wide)
	VPAND(constantD(d.m, 16), below, below)
	VPSLLVD(below, x, x)
	VPOR(wide, x, x)
}
