package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// maxDirect is the largest batch that is multiplied straight from the lookup,
// as in package kernel.
const maxDirect = 4

// dotFits says whether the sums of a tile and the tables fit the registers.
func dotFits(m machine, s source, count, batch int) bool {
	if s.strip() > count {
		return false
	}
	if m.zmm {
		return count*batch+s.tables()+7 <= 32
	}
	return count*batch <= 4
}

// dot multiplies batch vectors by count (1 or 4) rows. With 256-bit registers
// it goes over the rows twice, for half of the lanes each.
func dot(m machine, s source, name string, count, batch int) {
	TEXT(name, NOSPLIT, "func(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)")
	Pragma("noescape")
	Doc(name + " sets y to the dot products of rows of w with vectors of x; strides are in bytes.")
	var stack Mem
	if !m.zmm && s.element() > 0 {
		stack = AllocLocal(64 * s.element())
	}
	var halves Mem // the sums of the first pass
	if !m.zmm {
		halves = AllocLocal(32 * count * batch)
	}
	s.setup(Load(Param("table"), GP64()), false)
	xstep := Load(Param("xstep"), GP64())
	xstep3 := times3(xstep)
	sums := make([][]reg.VecVirtual, count) // [row][vector]
	for part := range m.parts() {
		x := Load(Param("x"), GP64())
		r := strided(s, Load(Param("w"), GP64()), Load(Param("ldw"), GP64()), count)
		for i := range sums {
			sums[i] = nil
			for range batch {
				v := m.reg()
				zero(m, v)
				sums[i] = append(sums[i], v)
			}
		}
		add := func(i int) use {
			return func(step int, w reg.VecVirtual) {
				for b := range batch {
					VFMADD231PS(element(x, xstep, xstep3, step, 64*b+32*part), w, sums[i][b])
				}
			}
		}

		groups := GP64()
		loop, rest, done := label("loop"), label("rest"), label("done")
		Load(Param("n"), groups)
		SHRQ(U8(6), groups)
		JZ(LabelRef(rest))
		Label(loop)
		if part == 0 {
			r.prefetch(count, prefetchDistance(s))
		}
		for i := range count {
			s.group(i, part, r.at(i), nil, add(i))
		}
		r.next()
		LEAQ(Mem{Base: x, Index: xstep, Scale: 4}, x)
		DECQ(groups)
		JNZ(LabelRef(loop))

		Label(rest)
		columns := columnsLeft()
		JZ(LabelRef(done))
		t := newTail(m, columns)
		for i := range count {
			tailGroup(m, r, i, part, columns, t, stack, add(i))
		}
		Label(done)
		if part < m.parts()-1 {
			for i := range count {
				for b := range batch {
					VMOVUPS(sums[i][b], halves.Offset(32*(i*batch+b)))
				}
			}
		}
	}

	ldyRow, ldyBatch := Load(Param("ldyRow"), GP64()), Load(Param("ldyBatch"), GP64())
	out := Load(Param("y"), GP64())
	for i := range count {
		to := GP64()
		MOVQ(out, to)
		for b := range batch {
			storeSum(m, sums[i][b], halves.Offset(32*(i*batch+b)), Mem{Base: to})
			if b < batch-1 {
				ADDQ(ldyBatch, to)
			}
		}
		if i < count-1 {
			ADDQ(ldyRow, out)
		}
	}
	VZEROUPPER()
	RET()
}

// prefetchDistance is how many bytes ahead a row (or strip) is asked for.
func prefetchDistance(s source) int {
	if s.strip() > 1 {
		return 8192
	}
	return 2048
}

// columnsLeft loads n mod 64 into CL and the result and sets the zero flag.
func columnsLeft() reg.GPVirtual {
	n := GP64()
	Load(Param("n"), reg.RCX)
	ANDQ(U8(63), reg.RCX)
	MOVQ(reg.RCX, n)
	TESTQ(n, n)
	return n
}

// storeSum adds 16 lanes: i and i+8, then i+4, i+2, i+1, and stores the sum,
// a NaN as 0x7FC00000. With 256-bit registers, sum has the upper eight lanes
// and lower is where the lower ones are.
func storeSum(m machine, sum reg.VecVirtual, lower, to Mem) {
	storeNumber(addLanes(m, sum, lower), to)
}

// addLanes adds 16 lanes as storeSum does; lower is not used with 512-bit registers.
func addLanes(m machine, sum reg.VecVirtual, lower Op) reg.Register {
	half := YMM()
	if m.zmm {
		VEXTRACTF32X8(U8(1), sum, half)
		VADDPS(half, sum.AsY(), half)
	} else {
		VADDPS(lower, sum, half)
	}
	x, other := half.AsX(), XMM()
	if m.zmm {
		VEXTRACTF32X4(U8(1), half, other)
	} else {
		VEXTRACTF128(U8(1), half, other)
	}
	VADDPS(other, x, x)
	VPERMILPS(U8(0x4E), x, other)
	VADDPS(other, x, x)
	VPERMILPS(U8(0xB1), x, other)
	VADDSS(other, x, x)
	return x
}

// storeNumber stores a number, a NaN as 0x7FC00000.
func storeNumber(x reg.Register, to Mem) {
	bits, magnitude, nan := GP32(), GP32(), GP32()
	VMOVD(x, bits)
	MOVL(bits, magnitude)
	ANDL(U32(0x7FFFFFFF), magnitude)
	MOVL(U32(0x7FC00000), nan)
	CMPL(magnitude, U32(0x7F800000))
	CMOVLHI(nan, bits)
	MOVL(bits, to)
}
