package main

import (
	"bytes"
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

// tilePart is some bits of every code of a tile: how many, and the first of them, which is the part's first line as well.
type tilePart struct{ width, place int }

func tileParts(bits int) (parts []tilePart) {
	place := 0
	for _, width := range []int{4, 2, 1} {
		if bits&width != 0 {
			parts = append(parts, tilePart{width, place})
			place += width
		}
	}
	return parts
}

// mask has those bits of a code.
func (p tilePart) mask() int { return (1<<p.width - 1) << p.place }

// tileLeast is the code that a tile of so many bits keeps as 0.
func tileLeast(bits int) int { return 128 - 1<<bits>>1 }

// tileCode returns the codes of a quad of a tile of 2 to 8 bits, from its lines, without exceptions. each has registers, or
// memory, of bytes that are alike.
func tileCode(m machine, bits, quad int, line func(i int) reg.VecVirtual, each func(b int) Op) reg.VecVirtual {
	code := tileBits(m, bits, quad, line, each)
	if bits < 8 {
		VPADDB(each(tileLeast(bits)), code, code)
	}
	return code
}

// tileBits returns codes as they are kept: less [tileLeast].
func tileBits(m machine, bits, quad int, line func(i int) reg.VecVirtual, each func(b int) Op) reg.VecVirtual {
	if bits == 8 {
		return line(quad)
	}
	code := m.reg()
	for i, p := range tileParts(bits) {
		from := line(p.place + quad*p.width/8)
		v, mask := m.reg(), each(p.mask())
		switch shift := quad*p.width%8 - p.place; {
		case shift > 0:
			VPSRLW(U8(shift), from, v)
		case shift < 0:
			VPSLLW(U8(-shift), from, v)
		default:
			v = from
		}
		switch {
		case i == 0:
			and(m, mask, v, code)
		case m.zmm:
			VPTERNLOGD(U8(0xF8), mask, v, code) // code | v & mask
		default:
			some := m.reg()
			VPAND(mask, v, some)
			VPOR(some, code, code)
		}
	}
	return code
}

// tileLines returns what loads a tile's lines, each once, from byte off on, and calls fetch before.
func tileLines(m machine, lines reg.Register, off int, fetch func(i int)) func(i int) reg.VecVirtual {
	line := map[int]reg.VecVirtual{}
	return func(i int) reg.VecVirtual {
		if line[i] == nil {
			fetch(i)
			line[i] = m.reg()
			move(m, Mem{Base: lines, Disp: i*quadBytes + off}, line[i])
		}
		return line[i]
	}
}

// unpackTiles writes tiles of so many bits in strip order, without exceptions.
func unpackTiles(m machine, name string, bits int) {
	TEXT(name, NOSPLIT, "func(dst, lines *byte, n int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s writes n tiles that are kept in %d bits.", name, bits))
	dst, lines, n := Load(Param("dst"), GP64()), Load(Param("lines"), GP64()), GP64()
	Load(Param("n"), n)
	alike := map[int]Op{}
	for _, p := range tileParts(bits) {
		alike[p.mask()] = everyByte(m, p.mask())
	}
	least := everyByte(m, tileLeast(bits))
	if bits == 0 && !m.zmm {
		v := YMM()
		VMOVDQU(least, v)
		least = v
	}
	alike[tileLeast(bits)] = least
	Label("loop")
	for half := 0; half < quadBytes; half += m.bytes() {
		line := tileLines(m, lines, half, func(i int) {
			if half == 0 {
				PREFETCHT0(Mem{Base: lines, Disp: i*quadBytes + linesAhead})
			}
		})
		for q := range quads {
			code := least
			if bits > 0 {
				code = tileCode(m, bits, q, line, func(b int) Op { return alike[b] })
			}
			move(m, code, Mem{Base: dst, Disp: q*quadBytes + half})
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

// As in package tiles: of a group of tiles, and its list of exceptions.
const (
	groupTiles = 2
	countsSize = 8
	layer      = 4
	layered    = 14
	tailEnd    = 0x40
	negative   = 0x80
)

// tileSteps has what an exception of a tile adds, by width, 32 bytes each. At width 8 there is none.
func tileSteps(m machine) Mem {
	steps := make([]byte, 9*tileWidth)
	for i := range 8 * tileWidth {
		steps[i] = 1 << (i / tileWidth)
	}
	return bytesConstant(m, "tileSteps", steps)
}

// entryPlaces has where in a group in strip order the column of an entry is, in the first row: 16 bits each.
func entryPlaces(m machine) Mem {
	return constant(m, "entryPlaces", func() {
		for entry := range negative + groupTiles*tileWidth {
			column := entry & (groupTiles*tileWidth - 1)
			DATA(2*entry, U16(column/4*quadBytes+column%4))
		}
	})
}

// correctTiles adds exceptions to tiles as their lines have them. It needs 256 bits on any machine.
func correctTiles(m machine, name string) {
	TEXT(name, NOSPLIT, "func(dst, widths, counts, list *byte, n int) (used int)")
	Pragma("noescape")
	Doc(name + " adds the exceptions of n tiles, whole groups from the first of a list on, and returns how many they are.")
	dst, widths, counts := Load(Param("dst"), GP64()), Load(Param("widths"), GP64()), Load(Param("counts"), GP64())
	list, n := Load(Param("list"), GP64()), Load(Param("n"), GP64())
	steps, places := GP64(), GP64()
	LEAQ(tileSteps(m), steps)
	LEAQ(entryPlaces(m), places)
	byEntry := AllocLocal(negative + groupTiles*tileWidth) // what is added
	spread := make([]byte, 64)                             // a row's byte of counts to each of the row's slots
	slots := make([]byte, 32)
	for i := range spread {
		spread[i] = byte(i / 8)
		slots[i%32] = byte(i % layer)
	}
	whole := func(name string, b byte) Mem { return bytesConstant(m, name, bytes.Repeat([]byte{b}, 32)) }

	Label("group")
	width, table := GP64(), byEntry
	MOVBQZX(Mem{Base: widths}, width)
	SHLQ(U8(5), width)
	for k := range groupTiles {
		step, minus := YMM(), YMM()
		VMOVDQU(Mem{Base: steps, Index: width, Scale: 1}, step)
		VPXOR(minus, minus, minus)
		VPSUBB(step, minus, minus)
		VMOVDQU(step, table.Offset(k*tileWidth))
		VMOVDQU(minus, table.Offset(negative+k*tileWidth))
		if k == 0 {
			MOVQ(U32(8<<5), width)
			CMPQ(n, U8(1))
			JEQ(LabelRef("single"))
			MOVBQZX(Mem{Base: widths, Disp: 1}, width)
			SHLQ(U8(5), width)
			Label("single")
		}
	}
	var count [2]reg.VecVirtual // of each slot's row
	for half := range count {
		low, high := YMM(), YMM()
		VPBROADCASTQ(Mem{Base: counts}, low)
		VPSHUFB(bytesConstant(m, fmt.Sprint("spreadCounts", half), spread[32*half:][:32]), low, low)
		VPSRLW(U8(4), low, high)
		VPBLENDD(U8(0xAA), high, low, low)
		VPAND(whole("countBits", 15), low, low)
		VPMINUB(whole("layered", layered), low, low)
		count[half] = low
	}
	mask := GP64()
	Label("layer")
	{
		some, upper, m0, m1 := YMM(), YMM(), GP64(), GP64()
		first := bytesConstant(m, "slots", slots)
		VPCMPGTB(first, count[0], some)
		VPMOVMSKB(some, m0.As32())
		VPCMPGTB(first, count[1], upper)
		VPMOVMSKB(upper, m1.As32())
		SHLQ(U8(32), m1)
		ORQ(m0, m1)
		MOVQ(m1, mask)
	}
	JEQ(LabelRef("tails"))
	add := func(entry, row reg.GPVirtual) {
		place := GP64()
		MOVWQZX(Mem{Base: places, Index: entry, Scale: 2}, place)
		ADDQ(row, place)
		MOVBLZX(table.Idx(entry, 1), entry.As32())
		ADDB(entry.As8(), Mem{Base: dst, Index: place, Scale: 1})
	}
	Label("entry")
	entry, row := GP64(), GP64()
	MOVBQZX(Mem{Base: list}, entry)
	INCQ(list)
	TZCNTQ(mask, row)
	ANDL(I32(-layer), row.As32())
	add(entry, row)
	clearLowest(mask)
	JNZ(LabelRef("entry"))
	for _, c := range count {
		VPSUBB(whole("layer", layer), c, c)
	}
	JMP(LabelRef("layer"))

	Label("tails")
	some := GP64()
	rowsWithTails(counts, mask, "next")
	Label("tail")
	entry, row = GP64(), GP64()
	MOVBQZX(Mem{Base: list}, entry)
	INCQ(list)
	MOVL(entry.As32(), some.As32())
	ANDL(U32(0xff&^tailEnd), entry.As32())
	TZCNTQ(mask, row)
	add(entry, row)
	TESTL(U32(tailEnd), some.As32())
	JEQ(LabelRef("tail"))
	clearLowest(mask)
	JNZ(LabelRef("tail"))

	Label("next")
	ADDQ(U8(countsSize), counts)
	ADDQ(U8(groupTiles), widths)
	ADDQ(I32(groupTiles*tileBytes), dst)
	SUBQ(U8(groupTiles), n)
	JGT(LabelRef("group"))
	first := Load(Param("list"), GP64())
	SUBQ(first, list)
	Store(list, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// rowsWithTails sets a bit of mask for each row whose four bits of counts are ones, the row's lowest, and jumps to a label if there is none.
func rowsWithTails(counts reg.Register, mask reg.GPVirtual, none string) {
	some := GP64()
	MOVQ(Mem{Base: counts}, mask)
	for _, shift := range []int{1, 2} {
		MOVQ(mask, some)
		SHRQ(U8(shift), some)
		ANDQ(some, mask)
	}
	MOVQ(U64(0x1111111111111111), some)
	ANDQ(some, mask)
	JEQ(LabelRef(none))
}

// clearLowest clears the lowest bit that is set, and sets flags.
func clearLowest(v reg.GPVirtual) {
	less := GP64()
	LEAQ(Mem{Base: v, Disp: -1}, less)
	ANDQ(less, v)
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
