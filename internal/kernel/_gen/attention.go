package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Attention's routines, twins of attention_portable.go. Keys of a tile lie as [dim][position], values as [position][dim],
// so that lanes are positions of scores and dimensions of sums, and nothing is added across lanes but a row's weights.

const (
	attentionTile = 64 // positions, as in package kernel
	// attentionAhead is how many bytes ahead keys and values are prefetched: the next tile follows.
	attentionAhead = 4096
	// stateBytes is the size of a softmaxState, whose fields lie at 0, 4 and 8.
	stateBytes = 16
)

// kvForm is how keys and values lie in memory.
type kvForm struct {
	name string // of the constant in package kernel, after KV
	size int    // of an element
	load func(from Mem, to reg.VecVirtual)
}

var kvForms = []kvForm{
	{"F32", 4, func(from Mem, to reg.VecVirtual) { VMOVUPS(from, to) }},
	{"F16", 2, func(from Mem, to reg.VecVirtual) { VCVTPH2PS(from, to) }},
	{"Int8", 1, func(from Mem, to reg.VecVirtual) {
		VPMOVSXBD(from, to)
		VCVTDQ2PS(to, to)
	}},
}

// together is how many rows have their sums in registers, four registers each.
func (m machine) together() int {
	if m.zmm {
		return 6
	}
	return 3
}

// byRows emits body for as many rows at a time as fit registers: with a loop for most, then for what is left. advance
// moves on by so many rows.
func byRows(m machine, rows reg.Register, body func(n int), advance func(n int)) {
	end := label("end")
	for n := m.together(); n > 0; n-- {
		loop, next := label("rows"), label("fewer")
		Label(loop)
		CMPQ(rows, U8(n))
		JL(LabelRef(next))
		body(n)
		advance(n)
		SUBQ(U8(n), rows)
		if n == m.together() {
			JMP(LabelRef(loop))
		} else {
			JMP(LabelRef(end))
		}
		Label(next)
	}
	Label(end)
}

// rowsAt returns where n rows begin, ld bytes apart: the row's place plus an offset.
func rowsAt(first, ld reg.Register, n int) func(i, off int) Mem {
	ends := []reg.Register{first}
	if n > 3 {
		fourth := GP64()
		LEAQ(Mem{Base: first, Index: ld, Scale: 2}, fourth)
		ADDQ(ld, fourth)
		ends = append(ends, fourth)
	}
	return func(i, off int) Mem { return element(ends[i/3], ld, nil, i%3, off) }
}

// attentionScores is the dot products of queries and a tile's keys.
func attentionScores(m machine, name string, f kvForm) {
	TEXT(name, NOSPLIT, "func(scores, queries *float32, rows, dim int, keys *byte, scales *float32)")
	Pragma("noescape")
	Doc(name + " sets scores [rows, 64] to the dot products of queries [rows, dim] and a tile's keys.")
	scores, queries := Load(Param("scores"), GP64()), Load(Param("queries"), GP64())
	rows, dim := Load(Param("rows"), GP64()), Load(Param("dim"), GP64())
	keys, scales := Load(Param("keys"), GP64()), Load(Param("scales"), GP64())
	ld := GP64()
	MOVQ(dim, ld)
	SHLQ(U8(2), ld)
	clearSum := func(v reg.VecVirtual) { zero(m, v) }
	if m.zmm {
		// To avo VPXORD reads v, which then lives through the loop around.
		none := m.reg()
		zero(m, none)
		clearSum = func(v reg.VecVirtual) { VMOVAPS(none, v) }
	}
	const registers = 4
	lanes := registers * m.bytes() / 4
	byRows(m, rows, func(n int) {
		for first := 0; first < attentionTile; first += lanes {
			sums := make([][]reg.VecVirtual, n)
			for r := range sums {
				for range registers {
					v := m.reg()
					clearSum(v)
					sums[r] = append(sums[r], v)
				}
			}
			q, k, count := GP64(), GP64(), GP64()
			MOVQ(queries, q)
			LEAQ(Mem{Base: keys, Disp: first * f.size}, k)
			MOVQ(dim, count)
			at := rowsAt(q, ld, n)
			var fourth reg.Register
			if n > 3 {
				fourth = at(3, 0).Base
			}
			loop := label("dim")
			Label(loop)
			for off := 0; off < lanes*f.size; off += 64 {
				PREFETCHT0(Mem{Base: k, Disp: attentionAhead + off})
			}
			multiply(m, sums, func(i int, to reg.VecVirtual) {
				f.load(Mem{Base: k, Disp: i * m.bytes() / 4 * f.size}, to)
			}, func(r int) Mem { return at(r, 0) })
			ADDQ(U8(4), q)
			if fourth != nil {
				ADDQ(U8(4), fourth)
			}
			ADDQ(I32(attentionTile*f.size), k)
			DECQ(count)
			JNZ(LabelRef(loop))
			for r := range sums {
				for i, v := range sums[r] {
					off := 4*first + i*m.bytes()
					if f.name == "Int8" {
						VMULPS(Mem{Base: scales, Disp: off}, v, v)
					}
					VMOVUPS(v, Mem{Base: scores, Disp: r*4*attentionTile + off})
				}
			}
		}
	}, func(n int) {
		ADDQ(I32(n*4*attentionTile), scores)
		for range n {
			ADDQ(ld, queries)
		}
	})
	VZEROUPPER()
	RET()
}

// multiply adds to sums[r][i] register i of what load gives times the number of row r.
func multiply(m machine, sums [][]reg.VecVirtual, load func(i int, to reg.VecVirtual), number func(r int) Mem) {
	if m.zmm {
		loaded := make([]reg.VecVirtual, len(sums[0]))
		for i := range loaded {
			loaded[i] = m.reg()
			load(i, loaded[i])
		}
		for r := range sums {
			v := m.reg()
			VBROADCASTSS(number(r), v)
			for i := range loaded {
				VFMADD231PS(v, loaded[i], sums[r][i])
			}
		}
		return
	}
	numbers := make([]reg.VecVirtual, len(sums))
	for r := range numbers {
		numbers[r] = m.reg()
		VBROADCASTSS(number(r), numbers[r])
	}
	for i := range sums[0] {
		v := m.reg()
		load(i, v)
		for r := range sums {
			VFMADD231PS(numbers[r], v, sums[r][i])
		}
	}
}

// attentionValues adds weighted values to sums.
func attentionValues(m machine, name string, f kvForm) {
	TEXT(name, NOSPLIT, "func(sums *float32, rows, padded int, states *float32, weights *float32, values *byte, n int)")
	Pragma("noescape")
	Doc(name + " multiplies sums [rows, padded] by the states' factors and adds n positions of values times weights.")
	to, rows := Load(Param("sums"), GP64()), Load(Param("rows"), GP64())
	states, weights := Load(Param("states"), GP64()), Load(Param("weights"), GP64())
	ldTo, ldValues := GP64(), GP64()
	Load(Param("padded"), ldTo)
	SHLQ(U8(2), ldTo)
	Load(Param("padded"), ldValues)
	if f.size > 1 {
		SHLQ(U8(f.size/2), ldValues)
	}
	byRows(m, rows, func(n int) {
		columns, left := GP64(), GP64() // of values; of the sums
		Load(Param("values"), columns)
		Load(Param("padded"), left)
		s := GP64()
		MOVQ(to, s)
		for _, width := range []int{4 * m.bytes() / 4, 16} {
			piece, next := label("piece"), label("narrower")
			Label(piece)
			CMPQ(left, U8(width))
			JL(LabelRef(next))
			at := rowsAt(s, ldTo, n)
			sums := make([][]reg.VecVirtual, n)
			for r := range sums {
				factor := m.reg()
				VBROADCASTSS(Mem{Base: states, Disp: r*stateBytes + 8}, factor)
				for i := range width * 4 / m.bytes() {
					v := m.reg()
					VMULPS(at(r, i*m.bytes()), factor, v)
					sums[r] = append(sums[r], v)
				}
			}
			w, v, count := GP64(), GP64(), GP64()
			MOVQ(weights, w)
			MOVQ(columns, v)
			Load(Param("n"), count)
			loop := label("position")
			Label(loop)
			for off := 0; off < width*f.size; off += 64 {
				PREFETCHT0(Mem{Base: v, Disp: attentionAhead + off})
			}
			multiply(m, sums, func(i int, to reg.VecVirtual) {
				f.load(Mem{Base: v, Disp: i * m.bytes() / 4 * f.size}, to)
			}, func(r int) Mem { return Mem{Base: w, Disp: r * 4 * attentionTile} })
			ADDQ(U8(4), w)
			ADDQ(ldValues, v)
			DECQ(count)
			JNZ(LabelRef(loop))
			for r := range sums {
				for i, v := range sums[r] {
					VMOVUPS(v, at(r, i*m.bytes()))
				}
			}
			ADDQ(I32(4*width), s)
			ADDQ(I32(f.size*width), columns)
			SUBQ(U8(width), left)
			JMP(LabelRef(piece))
			Label(next)
		}
	}, func(n int) {
		for range n {
			ADDQ(ldTo, to)
		}
		ADDQ(I32(n*stateBytes), states)
		ADDQ(I32(n*4*attentionTile), weights)
	})
	VZEROUPPER()
	RET()
}

// attentionScale multiplies by a number.
func attentionScale(m machine, name string) {
	TEXT(name, NOSPLIT, "func(dst, src *float32, n int, factor float32)")
	Pragma("noescape")
	Doc(name + " sets dst to src times factor, any NaN to 0x7FC00000; n is a positive multiple of 16.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
	factor := m.reg()
	VBROADCASTSS(parameter(Param("factor")), factor)
	Label("loop")
	sums := [][]reg.VecVirtual{nil}
	for i := range m.parts() {
		v := m.reg()
		VMULPS(Mem{Base: src, Disp: i * m.bytes()}, factor, v)
		sums[0] = append(sums[0], v)
	}
	storeColumns(m, sums, func(_, off int) Mem { return Mem{Base: dst, Disp: off} })
	ADDQ(U8(64), src)
	ADDQ(U8(64), dst)
	SUBQ(U8(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// attentionSoftmax turns a tile's scores into weights.
func attentionSoftmax(m machine, name string) {
	TEXT(name, NOSPLIT, "func(scores *float32, rows int, states *float32, scales *float32)")
	Pragma("noescape")
	Doc(name + " replaces scores [rows, 64] by their weights and brings the states up to date.")
	scores, rows := Load(Param("scores"), GP64()), Load(Param("rows"), GP64())
	states, scales := Load(Param("states"), GP64()), Load(Param("scales"), GP64())
	registers := 4 * attentionTile / m.bytes()
	at := func(i int) Mem { return Mem{Base: scores, Disp: i * m.bytes()} }
	Label("row")
	before, largest, factor := m.reg(), m.reg(), m.reg()
	VBROADCASTSS(Mem{Base: states}, before)
	VMAXPS(before, before, largest)
	for i := range registers {
		v := m.reg()
		VMOVUPS(at(i), v)
		VMAXPS(largest, v, largest) // for a NaN, the largest so far
	}
	everyLane(m, largest)
	VMOVSS(largest.AsX(), Mem{Base: states})
	VSUBPS(largest, before, factor)
	e := newExp32(m)
	e.apply(factor)
	VMOVSS(factor.AsX(), Mem{Base: states, Disp: 8})
	// With 256-bit registers, even ones have the lower lanes of sums.
	sums := make([]reg.VecVirtual, m.parts())
	for first := 0; first < registers; first += 2 {
		both := []reg.VecVirtual{m.reg(), m.reg()}
		for i, v := range both {
			VMOVUPS(at(first+i), v)
			VSUBPS(largest, v, v)
		}
		e.apply(both...)
		for i, v := range both {
			VMOVUPS(v, at(first+i))
			part := (first + i) % m.parts()
			if sums[part] == nil {
				sums[part] = m.reg()
				VMOVAPS(v, sums[part])
			} else {
				VADDPS(v, sums[part], sums[part])
			}
		}
	}
	total, sum := addLanes(m, sums[m.parts()-1], sums[0]), XMM()
	VMOVSS(Mem{Base: states, Disp: 4}, sum)
	VFMADD213SS(total, factor.AsX(), sum)
	VMOVSS(sum, Mem{Base: states, Disp: 4})
	TESTQ(scales, scales)
	JZ(LabelRef("next"))
	for i := range registers {
		v := m.reg()
		VMOVUPS(at(i), v)
		VMULPS(Mem{Base: scales, Disp: i * m.bytes()}, v, v)
		VMOVUPS(v, at(i))
	}
	Label("next")
	ADDQ(I32(4*attentionTile), scores)
	ADDQ(U8(stateBytes), states)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// everyLane sets every lane of v to the largest of all.
func everyLane(m machine, v reg.VecVirtual) {
	other := m.reg()
	if m.zmm {
		VSHUFF32X4(U8(0x4E), v, v, other)
		VMAXPS(other, v, v)
		VSHUFF32X4(U8(0xB1), v, v, other)
	} else {
		VPERM2F128(U8(1), v, v, other)
	}
	VMAXPS(other, v, v)
	for _, order := range []uint8{0x4E, 0xB1} {
		VPERMILPS(U8(order), v, other)
		VMAXPS(other, v, v)
	}
}
