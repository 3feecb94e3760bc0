package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func accumulateFits(m machine, s source, batch int) bool {
	if m.zmm {
		return 4*batch+s.tables()+8 <= 32
	}
	return batch == 1
}

// accumulate adds rows of w, scaled by the elements of batch vectors, to y, for
// whole groups of columns. rows is a multiple of the strip.
func accumulate(m machine, s source, name string, batch int) {
	TEXT(name, NOSPLIT, "func(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)")
	Pragma("noescape")
	Doc(name + " adds x times rows of w to y; strides are in bytes, cols is a multiple of 64.")
	s.setup(Load(Param("table"), GP64()), true)
	y := Load(Param("y"), GP64())
	ldy := GP64()
	ldx := GP64()
	var ldy3, ldx3 reg.Register
	Load(Param("ldy"), ldy)
	Load(Param("ldx"), ldx)
	if batch > 3 {
		ldy3, ldx3 = times3(ldy), times3(ldx)
	}
	w, ldw := Load(Param("w"), GP64()), Load(Param("ldw"), GP64())
	groups := GP64()
	Load(Param("cols"), groups)
	SHRQ(U8(6), groups)

	Label("columns")
	for part := range m.parts() {
		at := func(b, off int) Mem { return element(y, ldy, ldy3, b, off+part*4*m.bytes()) }
		sums := loadColumns(m, batch, 4, at)
		row, count, x := GP64(), GP64(), GP64()
		MOVQ(w, row)
		Load(Param("x"), x)
		Load(Param("rows"), count)
		r := &rows{s: s, base: row}
		loop := label("rows")
		Label(loop)
		if part == 0 {
			// What comes next in the row, and the same columns of the next
			// call's rows: these only as far as the L2 cache, as rows 4 KiB
			// apart would push each other out of L1.
			r.prefetch(1, prefetchColumns)
			for off := 0; off < s.advance(); off += 64 {
				PREFETCHT1(Mem{Base: row, Index: ldw, Scale: uint8(accumulateRows / s.strip()), Disp: off})
			}
		}
		for i := range s.strip() {
			s.group(i, part, r.at(i), nil, func(step int, w reg.VecVirtual) {
				for b := range batch {
					scale := element(x, ldx, ldx3, b, 4*i)
					if m.zmm {
						VFMADD231PS_BCST(scale, w, sums[b][step])
						continue
					}
					v := YMM()
					VBROADCASTSS(scale, v)
					VFMADD231PS(v, w, sums[b][step])
				}
			})
		}
		ADDQ(ldw, row)
		ADDQ(U8(4*s.strip()), x)
		SUBQ(U8(s.strip()), count)
		JNZ(LabelRef(loop))
		storeColumns(m, sums, at)
	}
	ADDQ(I32(s.advance()), w)
	ADDQ(I32(256), y)
	DECQ(groups)
	JNZ(LabelRef("columns"))
	VZEROUPPER()
	RET()
}

// accumulateRows is how many rows a call adds, but for the last one.
const accumulateRows = 8

// prefetchColumns is how many bytes ahead accumulate asks for each row.
const prefetchColumns = 256

// loadColumns loads count registers of columns for each vector.
func loadColumns(m machine, batch, count int, at func(b, off int) Mem) [][]reg.VecVirtual {
	sums := make([][]reg.VecVirtual, batch)
	for b := range sums {
		for i := range count {
			v := m.reg()
			VMOVUPS(at(b, i*m.bytes()), v)
			sums[b] = append(sums[b], v)
		}
	}
	return sums
}

// storeColumns stores what loadColumns loaded, any NaN as 0x7FC00000.
func storeColumns(m machine, sums [][]reg.VecVirtual, at func(b, off int) Mem) {
	nan := m.reg()
	broadcastD(0x7FC00000, nan)
	for b := range sums {
		for i, v := range sums[b] {
			if m.zmm {
				k := K()
				VCMPPS(U8(3), v, v, k) // unordered
				VMOVAPS(nan, k, v)
			} else {
				mask := YMM()
				VCMPPS(U8(3), v, v, mask)
				VBLENDVPS(mask, nan, v, v)
			}
			VMOVUPS(v, at(b, i*m.bytes()))
		}
	}
}
