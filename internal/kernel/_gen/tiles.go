package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// As in package tiles.
const (
	tileBytes = 512
	quadBytes = 64 // and a line's
	quads     = tileBytes / quadBytes
	tileRows  = 16
	tileWidth = 32 // columns
)

// linesAhead is how many bytes ahead lines are prefetched.
const linesAhead = 2048

// unpackTiles writes tiles of so many bits in strip order, without exceptions.
func unpackTiles(m machine, name string, bits int) {
	TEXT(name, NOSPLIT, "func(dst, lines *byte, n int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s writes n tiles that are kept in %d bits.", name, bits))
	dst, lines, n := Load(Param("dst"), GP64()), Load(Param("lines"), GP64()), GP64()
	Load(Param("n"), n)
	type part struct {
		width, place int // bits, and the first of the code's, which is the first line as well
		mask         Op  // of its bits in a code
	}
	var parts []part
	place := 0
	for _, width := range []int{4, 2, 1} {
		if bits&width != 0 {
			parts = append(parts, part{width, place, everyByte(m, (1<<width-1)<<place)})
			place += width
		}
	}
	least := everyByte(m, 128-1<<bits>>1)
	if bits == 0 && !m.zmm {
		v := YMM()
		VMOVDQU(least, v)
		least = v
	}
	Label("loop")
	for half := 0; half < quadBytes; half += m.bytes() {
		line := map[int]reg.VecVirtual{}
		load := func(i int) reg.VecVirtual {
			if line[i] == nil {
				line[i] = m.reg()
				move(m, Mem{Base: lines, Disp: i*quadBytes + half}, line[i])
				if half == 0 {
					PREFETCHT0(Mem{Base: lines, Disp: i*quadBytes + linesAhead})
				}
			}
			return line[i]
		}
		for q := range quads {
			out := Mem{Base: dst, Disp: q*quadBytes + half}
			switch bits {
			case 0:
				move(m, least.(reg.VecVirtual), out)
				continue
			case 8:
				move(m, load(q), out)
				continue
			}
			code := m.reg()
			for i, p := range parts {
				from := load(p.place + q*p.width/8)
				v := m.reg()
				switch shift := q*p.width%8 - p.place; {
				case shift > 0:
					VPSRLW(U8(shift), from, v)
				case shift < 0:
					VPSLLW(U8(-shift), from, v)
				default:
					v = from
				}
				switch {
				case i == 0:
					and(m, p.mask, v, code)
				case m.zmm:
					VPTERNLOGD(U8(0xF8), p.mask, v, code) // code | v & mask
				default:
					some := m.reg()
					VPAND(p.mask, v, some)
					VPOR(some, code, code)
				}
			}
			VPADDB(least, code, code)
			move(m, code, out)
		}
	}
	ADDQ(I32(tileBytes), dst)
	if bits > 0 {
		ADDQ(I32(bits*quadBytes), lines)
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// correctTiles adds exceptions to tiles as their lines have them.
func correctTiles(m machine, name string) {
	TEXT(name, NOSPLIT, "func(dst, widths, list *byte, n, at, end int, next *byte) (count, last int)")
	Pragma("noescape")
	Doc(name+" adds the first of n exceptions, those before end, to tiles in strip order, and returns how many, and where the last",
		"one is. The one before is at. Meanwhile, what is next is fetched.")
	// What an entry adds, by width and entry: see package tiles. Of width 8 there is only the entry 255: nothing.
	steps := bytesConstant(m, "exceptionSteps", exceptionSteps())
	runEnd, widths := Load(Param("dst"), GP64()), Load(Param("widths"), GP64())
	list, listEnd := Load(Param("list"), GP64()), Load(Param("n"), GP64())
	at, ahead := Load(Param("at"), GP64()), Load(Param("next"), GP64())
	ADDQ(list, listEnd)
	ADDQ(runEnd, at) // addresses from now on

	// Tiles of one width go together, so that only the end of such a run is compared with.
	Label("run")
	dst, end := Load(Param("dst"), GP64()), Load(Param("end"), GP64()) // not kept: registers are few
	ADDQ(dst, end)
	CMPQ(runEnd, end)
	JCC(LabelRef("done"))
	table, width, next := GP64(), GP64(), GP64()
	LEAQ(steps, table)
	MOVBQZX(Mem{Base: widths}, width)
	MOVQ(width, next)
	SHLQ(U8(8), next)
	ADDQ(next, table)
	Label("wider")
	INCQ(widths)
	ADDQ(I32(tileBytes), runEnd)
	CMPQ(runEnd, end)
	JCC(LabelRef("four"))
	MOVBQZX(Mem{Base: widths}, next)
	CMPQ(next, width)
	JEQ(LabelRef("wider"))

	entry := func(i int, from reg.Register) (e, place reg.GPVirtual) {
		e, place = GP64(), GP64()
		MOVBQZX(Mem{Base: list, Disp: i}, e)
		MOVL(e.As32(), place.As32())
		ANDL(U8(127), place.As32())
		ADDQ(from, place)
		return e, place
	}
	add := func(e, place reg.GPVirtual) {
		MOVBLZX(Mem{Base: table, Index: e, Scale: 1}, e.As32())
		ADDB(e.As8(), Mem{Base: place})
	}
	const together = 4
	Label("four")
	next = GP64()
	LEAQ(Mem{Base: list, Disp: together}, next)
	CMPQ(next, listEnd)
	JHI(LabelRef("one"))
	var entries, places [together]reg.GPVirtual
	from := at
	for i := range entries {
		entries[i], places[i] = entry(i, from)
		from = places[i]
	}
	CMPQ(from, runEnd)
	JCC(LabelRef("one"))
	for i := range entries {
		add(entries[i], places[i])
	}
	MOVQ(from, at)
	ADDQ(U8(together), list)
	PREFETCHT0(Mem{Base: ahead})
	ADDQ(U8(quadBytes), ahead)
	JMP(LabelRef("four"))

	Label("one")
	CMPQ(list, listEnd)
	JEQ(LabelRef("done"))
	e, place := entry(0, at)
	CMPQ(place, runEnd)
	JCC(LabelRef("run"))
	add(e, place)
	MOVQ(place, at)
	INCQ(list)
	JMP(LabelRef("one"))

	Label("done")
	first := Load(Param("list"), GP64())
	dst = Load(Param("dst"), GP64())
	SUBQ(first, list)
	SUBQ(dst, at)
	Store(list, ReturnIndex(0))
	Store(at, ReturnIndex(1))
	RET()
}

func exceptionSteps() []byte {
	steps := make([]byte, 9*256)
	for width := range 8 {
		for distance := range 127 {
			steps[256*width+distance], steps[256*width+128+distance] = 1<<width, -(1 << width)
		}
	}
	return steps
}

// deinterleave writes tiles in strip order as rows.
func deinterleave(m machine, name string) {
	TEXT(name, NOSPLIT, "func(rows *byte, ld int, strip *byte, n int)")
	Pragma("noescape")
	Doc(name + " writes n tiles in strip order as sixteen rows, ld apart.")
	rows, ld := Load(Param("rows"), GP64()), Load(Param("ld"), GP64())
	strip, n := Load(Param("strip"), GP64()), GP64()
	Load(Param("n"), n)
	ld3 := times3(ld)
	Label("loop")
	out := GP64()
	MOVQ(rows, out)
	for first := 0; first < tileRows; first += 4 {
		// Four rows of quads j and j+4, a quad in each half.
		var a [4]reg.VecVirtual
		for j := range a {
			lower := XMM()
			a[j] = YMM()
			at := func(q int) Mem { return Mem{Base: strip, Disp: q*quadBytes + 4*first} }
			VMOVDQU(at(j), lower)
			VINSERTI128(U8(1), at(j+4), lower.AsY(), a[j])
		}
		for r, c := range transpose4(a) {
			VMOVDQU(c, element(out, ld, ld3, r, 0))
		}
		if first+4 < tileRows {
			LEAQ(Mem{Base: out, Index: ld, Scale: 4}, out)
		}
	}
	ADDQ(U8(tileWidth), rows)
	ADDQ(I32(tileBytes), strip)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
