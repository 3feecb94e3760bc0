package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// quantize rounds whole groups of a vector to int8 as the integer canon says. places and steps are 16 or 32 bits each.
func quantize(m machine, name string, places, steps int) {
	TEXT(name, NOSPLIT, "func(values, biases *byte, width int, x *float32, places, steps *byte, groups int)")
	Pragma("noescape")
	Doc(name + " rounds whole groups of a vector of a panel whose scales lie width bytes behind its biases.")
	q := &quantizer{m: m, placeBytes: places / 8, stepBytes: steps / 8}
	values, biases, width := Load(Param("values"), GP64()), Load(Param("biases"), GP64()), Load(Param("width"), GP64())
	q.x, q.places, q.steps = Load(Param("x"), GP64()), Load(Param("places"), GP64()), Load(Param("steps"), GP64())
	groups, advance := GP64(), GP64()
	Load(Param("groups"), groups)
	IMUL3Q(U8(2+groupQuads), width, advance)
	q.setup()

	Label("loop")
	v := q.scaled()
	largest := q.largest(v)
	bits, bias := GP32(), GP32()
	VMOVD(largest, bits)
	CMPL(bits, U32(0x7F800000))
	JCC(LabelRef("infinite"))
	CMPL(bits, U32(0x0D800000)) // 2^-100
	JCS(LabelRef("nothing"))
	// 127/m and m/127.
	range127, inverse, scale := XMM(), XMM(), XMM()
	broadcastD(0x42FE0000, range127) // 127
	VDIVSS(largest, range127, inverse)
	VDIVSS(range127, largest, scale)
	VMOVD(scale, bits)
	rounded := q.round(v, inverse)
	q.bias(rounded, bias)
	Label("store")
	MOVL(bias, Mem{Base: biases})
	MOVL(bits, Mem{Base: biases, Index: width, Scale: 1})
	for i, r := range rounded {
		move(m, r, Mem{Base: values, Disp: i * m.bytes()})
	}
	ADDQ(advance, values)
	ADDQ(advance, biases)
	ADDQ(I32(q.placeBytes*4*groupQuads), q.places)
	ADDQ(I32(q.stepBytes*4*groupQuads), q.steps)
	DECQ(groups)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()

	Label("infinite")
	MOVL(U32(0x7FC00000), bits)
	JMP(LabelRef("zeros"))
	Label("nothing")
	XORL(bits, bits)
	Label("zeros")
	XORL(bias, bias)
	for _, r := range rounded {
		zero(m, r)
	}
	JMP(LabelRef("store"))
}

type quantizer struct {
	m                        machine
	placeBytes, stepBytes    int
	x, places, steps         reg.Register
	absolute, offset, sorted Op
}

func (q *quantizer) setup() {
	q.absolute, q.offset = constantD(q.m, 0x7FFFFFFF), constantD(q.m, 0x80808080)
	// Packing leaves the quads of registers 0 … 3 in elements 0 … 3 of each 128 bits.
	lanes := q.m.bytes() / 16
	order := constant(q.m, "quadOrder", func() {
		for i := range 4 * lanes {
			DATA(4*i, U32(i%lanes*4+i/lanes))
		}
	})
	q.sorted = q.m.reg()
	move(q.m, order, q.sorted)
}

// scaled returns the values of a group, times their steps.
func (q *quantizer) scaled() []reg.VecVirtual {
	elements := q.m.bytes() / 4
	v := make([]reg.VecVirtual, 4*groupQuads/elements)
	for i := range v {
		v[i] = q.m.reg()
		places := Mem{Base: q.places, Disp: q.placeBytes * elements * i}
		if q.m.zmm {
			index, all := ZMM(), K()
			if q.placeBytes == 2 {
				VPMOVZXWD(places, index)
			} else {
				VMOVDQU32(places, index)
			}
			VPXORD(v[i], v[i], v[i])
			KXNORW(all, all, all)
			VGATHERDPS(Mem{Base: q.x, Index: index, Scale: 4}, all, v[i])
		} else {
			q.gather(places, v[i])
		}
		steps := Mem{Base: q.steps, Disp: q.stepBytes * elements * i}
		if q.stepBytes == 2 {
			step := q.m.reg()
			VPMOVZXWD(steps, step)
			VPSLLD(U8(16), step, step)
			VMULPS(step, v[i], v[i])
		} else {
			VMULPS(steps, v[i], v[i])
		}
	}
	return v
}

// gather loads one value after the other.
func (q *quantizer) gather(places Mem, v reg.VecVirtual) {
	value := func(i int) Mem {
		place := GP64()
		if q.placeBytes == 2 {
			MOVWLZX(places.Offset(2*i), place.As32())
		} else {
			MOVL(places.Offset(4*i), place.As32())
		}
		return Mem{Base: q.x, Index: place, Scale: 4}
	}
	quad := func(first int) reg.VecVirtual {
		v := XMM()
		VMOVSS(value(first), v)
		for i := 1; i < 4; i++ {
			VINSERTPS(U8(i<<4), value(first+i), v, v)
		}
		return v
	}
	low, high := quad(0), quad(4)
	VINSERTF128(U8(1), high, low.AsY(), v)
}

// largest returns the bits of the largest |v|, in the lowest element.
func (q *quantizer) largest(v []reg.VecVirtual) reg.VecVirtual {
	most := q.m.reg()
	and(q.m, q.absolute, v[0], most)
	for _, v := range v[1:] {
		size := q.m.reg()
		and(q.m, q.absolute, v, size)
		VPMAXUD(size, most, most)
	}
	half := YMM()
	if q.m.zmm {
		VEXTRACTI64X4(U8(1), most, half)
		VPMAXUD(half, most.AsY(), half)
	} else {
		half = most
	}
	x, other := XMM(), XMM()
	VEXTRACTI128(U8(1), half, other)
	VPMAXUD(other, half.AsX(), x)
	VPSHUFD(U8(0x4E), x, other)
	VPMAXUD(other, x, x)
	VPSHUFD(U8(0xB1), x, other)
	VPMAXUD(other, x, x)
	return x
}

// round multiplies by the inverse and packs the nearest integers, to even.
func (q *quantizer) round(v []reg.VecVirtual, inverse reg.VecVirtual) []reg.VecVirtual {
	factor := q.m.reg()
	VBROADCASTSS(inverse, factor)
	for _, v := range v {
		VMULPS(factor, v, v)
		VCVTPS2DQ(v, v)
	}
	var packed []reg.VecVirtual
	for i := 0; i < len(v); i += 4 {
		low, high := q.m.reg(), q.m.reg()
		VPACKSSDW(v[i+1], v[i], low)
		VPACKSSDW(v[i+3], v[i+2], high)
		VPACKSSWB(high, low, low)
		VPERMD(low, q.sorted, low)
		packed = append(packed, low)
	}
	return packed
}

// bias is −128·Σq = 128·128·64 − 128·Σ(q+128).
func (q *quantizer) bias(rounded []reg.VecVirtual, bias reg.GPVirtual) {
	zeros, sum := q.m.reg(), q.m.reg()
	zero(q.m, zeros)
	for i, r := range rounded {
		v := q.m.reg()
		if q.m.zmm {
			VPXORD(q.offset, r, v)
		} else {
			VPXOR(q.offset, r, v)
		}
		VPSADBW(zeros, v, v)
		if i == 0 {
			sum = v
		} else {
			VPADDQ(v, sum, sum)
		}
	}
	half := YMM()
	if q.m.zmm {
		VEXTRACTI64X4(U8(1), sum, half)
		VPADDQ(half, sum.AsY(), half)
	} else {
		half = sum
	}
	x, other := XMM(), XMM()
	VEXTRACTI128(U8(1), half, other)
	VPADDQ(other, half.AsX(), x)
	VPSHUFD(U8(0x4E), x, other)
	VPADDQ(other, x, x)
	VMOVD(x, bias)
	SHLL(U8(7), bias)
	NEGL(bias)
	ADDL(U32(zeroCode*zeroCode*4*groupQuads), bias)
}
