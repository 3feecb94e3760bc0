package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// everyByte is a register full of one byte, see constantD.
func everyByte(m machine, b int) Op { return constantD(m, uint32(b&0xff)*0x01010101) }

// interleaveTile makes a tile in strip order from sixteen rows.
func interleaveTile(name string) {
	TEXT(name, NOSPLIT, "func(tile, rows *byte, ld int)")
	Pragma("noescape")
	Doc(name + " makes a tile from 32 codes of sixteen rows, ld apart.")
	tile, rows, ld := Load(Param("tile"), GP64()), Load(Param("rows"), GP64()), Load(Param("ld"), GP64())
	ld3 := times3(ld)
	for first := 0; first < tileRows; first += 4 {
		var a [4]reg.VecVirtual // a row each, in each half four quads
		for r := range a {
			a[r] = YMM()
			VMOVDQU(element(rows, ld, ld3, r, 0), a[r])
		}
		if first+4 < tileRows {
			LEAQ(Mem{Base: rows, Index: ld, Scale: 4}, rows)
		}
		for j, c := range transpose4(a) {
			VMOVDQU(c.AsX(), Mem{Base: tile, Disp: j*quadBytes + 4*first})
			VEXTRACTI128(U8(1), c, Mem{Base: tile, Disp: (j+4)*quadBytes + 4*first})
		}
	}
	VZEROUPPER()
	RET()
}

// transpose4 transposes four by four 32-bit elements in each half of registers.
func transpose4(a [4]reg.VecVirtual) (c [4]reg.VecVirtual) {
	var b [4]reg.VecVirtual
	for j := range b {
		b[j], c[j] = YMM(), YMM()
	}
	VPUNPCKLDQ(a[1], a[0], b[0])
	VPUNPCKHDQ(a[1], a[0], b[1])
	VPUNPCKLDQ(a[3], a[2], b[2])
	VPUNPCKHDQ(a[3], a[2], b[3])
	VPUNPCKLQDQ(b[2], b[0], c[0])
	VPUNPCKHQDQ(b[2], b[0], c[1])
	VPUNPCKLQDQ(b[3], b[1], c[2])
	VPUNPCKHQDQ(b[3], b[1], c[3])
	return c
}

// tileEntries counts the entries of a tile at every width.
func tileEntries(m machine, name string) {
	TEXT(name, NOSPLIT, "func(tile *byte) (a, b uint64)")
	Pragma("noescape")
	Doc(name + " returns how many entries a tile takes at each width, as package tiles says.")
	// Where the sums of widths 2 to 7, and of 0, lie.
	fields := map[int]struct{ word, shift int }{2: {0, 0}, 3: {0, 16}, 4: {0, 32}, 5: {0, 48}, 6: {1, 0}, 7: {1, 16}, 0: {1, 32}}
	tile := Load(Param("tile"), GP64())
	flip, flop, none := everyByte(m, 0x80), everyByte(m, 0x7f), m.reg()
	zero(m, none)
	xor := func(a Op, b, to reg.VecVirtual) {
		if m.zmm {
			VPXORD(a, b, to)
		} else {
			VPXOR(a, b, to)
		}
	}
	var sums [2]reg.VecVirtual
	for i := range sums {
		sums[i] = m.reg()
		zero(m, sums[i])
	}
	add := func(width int, part reg.VecVirtual) { // the sums of eight bytes
		f := fields[width]
		if f.shift > 0 {
			VPSLLQ(U8(f.shift), part, part)
		}
		VPADDQ(part, sums[f.word], sums[f.word])
	}
	const together = 4 // registers whose bytes, of at most 32, add up in a byte
	step := together * m.bytes()
	left := GP64()
	MOVQ(U32(tileBytes/step), left)
	Label("loop")
	var sizes [together]reg.VecVirtual // z, and of a negative one -1-z
	all := m.reg()
	for i := range sizes {
		code, z, sum := m.reg(), m.reg(), m.reg()
		sizes[i] = m.reg()
		move(m, Mem{Base: tile, Disp: i * m.bytes()}, code)
		xor(flip, code, z)
		xor(flop, code, sizes[i])
		VPMINUB(z, sizes[i], sizes[i])
		VPABSB(z, z)
		VPSADBW(none, z, sum)
		if i == 0 {
			all = sum
		} else {
			VPADDQ(sum, all, all)
		}
	}
	add(0, all)
	for width := 2; width < 8; width++ {
		half, mask := everyByte(m, 1<<(width-1)), everyByte(m, 0xff>>width)
		sum := m.reg()
		for i := range sizes {
			v := m.reg()
			VPADDB(half, sizes[i], v)
			VPSRLW(U8(width), v, v)
			if i == 0 {
				and(m, mask, v, sum)
				continue
			}
			and(m, mask, v, v)
			VPADDB(v, sum, sum)
		}
		VPSADBW(none, sum, sum)
		add(width, sum)
	}
	ADDQ(I32(step), tile)
	DECQ(left)
	JNZ(LabelRef("loop"))
	for i, sum := range sums {
		if m.zmm {
			upper := YMM()
			VEXTRACTI64X4(U8(1), sum, upper)
			VPADDQ(upper, sum.AsY(), upper)
			sum = upper
		}
		half, other, out := XMM(), XMM(), GP64()
		VEXTRACTI128(U8(1), sum.AsY(), half)
		VPADDQ(half, sum.AsX(), half)
		VPSHUFD(U8(0x4e), half, other)
		VPADDQ(other, half, half)
		VMOVQ(half, out)
		Store(out, ReturnIndex(i))
	}
	VZEROUPPER()
	RET()
}

// tileOutside finds the codes that a width does not hold.
func tileOutside(m machine, name string) {
	TEXT(name, NOSPLIT, "func(outside *uint64, tile *byte, least, mask uint32)")
	Pragma("noescape")
	Doc(name + " sets a bit of eight words for each code of a tile, less least, that has bits of mask, as bytes of both.")
	outside, tile := Load(Param("outside"), GP64()), Load(Param("tile"), GP64())
	broadcast := func(param string) reg.VecVirtual {
		x, v := XMM(), m.reg()
		VMOVD(Load(Param(param), GP32()), x)
		VPBROADCASTD(x, v)
		return v
	}
	least, mask := broadcast("least"), broadcast("mask")
	none := m.reg()
	zero(m, none)
	for at := 0; at < tileBytes; at += m.bytes() {
		v := m.reg()
		move(m, Mem{Base: tile, Disp: at}, v)
		VPSUBB(least, v, v)
		if m.zmm {
			k := K()
			VPTESTMB(mask, v, k)
			KMOVQ(k, Mem{Base: outside, Disp: at / 8})
			continue
		}
		bits := GP32()
		VPAND(mask, v, v)
		VPCMPEQB(none, v, v)
		VPMOVMSKB(v, bits)
		NOTL(bits)
		MOVL(bits, Mem{Base: outside, Disp: at / 8})
	}
	VZEROUPPER()
	RET()
}

// packTile writes the lines of a tile of so many bits.
func packTile(m machine, name string, bits int) {
	TEXT(name, NOSPLIT, "func(lines, tile *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s writes the lines of a tile that is kept in %d bits.", name, bits))
	lines, tile := Load(Param("lines"), GP64()), Load(Param("tile"), GP64())
	least := everyByte(m, 128-1<<(bits-1))
	for half := 0; half < quadBytes; half += m.bytes() {
		var u [quads]reg.VecVirtual
		for q := range u {
			u[q] = m.reg()
			move(m, Mem{Base: tile, Disp: q*quadBytes + half}, u[q])
			VPSUBB(least, u[q], u[q])
		}
		place := 0
		for _, width := range []int{4, 2, 1} {
			if bits&width == 0 {
				continue
			}
			each := 8 / width
			for line := range width {
				var packed reg.VecVirtual
				for k := range each {
					v, from := m.reg(), u[line*each+k]
					switch shift := k*width - place; {
					case shift > 0:
						VPSLLW(U8(shift), from, v)
					case shift < 0:
						VPSRLW(U8(-shift), from, v)
					default:
						v = from
					}
					mask := everyByte(m, (1<<width-1)<<(k*width))
					switch {
					case k == 0:
						packed = m.reg()
						and(m, mask, v, packed)
					case m.zmm:
						VPTERNLOGD(U8(0xF8), mask, v, packed) // packed | v & mask
					default:
						some := m.reg()
						VPAND(mask, v, some)
						VPOR(some, packed, packed)
					}
				}
				move(m, packed, Mem{Base: lines, Disp: (place+line)*quadBytes + half})
			}
			place += width
		}
	}
	VZEROUPPER()
	RET()
}
