package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// denseF32 is a matrix of float32.
type denseF32 struct {
	m       machine
	columns bool
	pick    [2]reg.VecVirtual // 512 bits: which elements of a pair go to a step
}

func (*denseF32) name() string { return "DenseF32" }
func (*denseF32) tables() int  { return 2 }
func (*denseF32) strip() int   { return 1 }
func (*denseF32) advance() int { return 256 }
func (*denseF32) element() int { return 4 }

func (d *denseF32) setup(_ reg.Register, columns bool) {
	d.columns = columns
	if columns || !d.m.zmm {
		return
	}
	for h := range d.pick {
		// Out of 32 columns: steps 2h and 2h+1 of two quads of lanes each.
		d.pick[h] = ZMM()
		var order []byte
		for o := range 2 {
			for lane := range 8 {
				order = append(order, byte(column(2*h+o, lane)), 0, 0, 0)
			}
		}
		VMOVDQU8(bytesConstant(d.m, "pick"+string(rune('0'+h)), order), d.pick[h])
	}
}

func (d *denseF32) group(_, part int, mem at, t *tail, u use) {
	if d.columns {
		for step := range 4 {
			v := d.m.reg()
			VMOVUPS(mem((4*part+step)*d.m.bytes()), v)
			u(step, v)
		}
		return
	}
	if !d.m.zmm {
		d.group256(part, mem, u)
		return
	}
	var v [4]reg.VecVirtual
	for q := range v {
		v[q] = ZMM()
		if t == nil {
			VMOVUPS(mem(64*q), v[q])
			continue
		}
		k := K()
		KSHIFTRQ(U8(16*q), t.mask, k)
		VMOVUPS_Z(mem(64*q), k, v[q])
	}
	for h := range 2 {
		a, b, even, odd := ZMM(), ZMM(), ZMM(), ZMM()
		VMOVDQA64(d.pick[h], a)
		VPERMI2PS(v[1], v[0], a)
		VMOVDQA64(d.pick[h], b)
		VPERMI2PS(v[3], v[2], b)
		VSHUFF32X4(U8(0x44), b, a, even)
		VSHUFF32X4(U8(0xEE), b, a, odd)
		u(2*h, even)
		u(2*h+1, odd)
	}
}

func (d *denseF32) group256(part int, mem at, u use) {
	for h := range 2 {
		// Columns 8h..8h+7 of both quads; then the lower four of both, the upper four.
		v, w := YMM(), YMM()
		VMOVUPS(mem(128*part+32*h), v)
		VMOVUPS(mem(128*part+32*h+64), w)
		a, b, even, odd := YMM(), YMM(), YMM(), YMM()
		VPERM2F128(U8(0x20), w, v, a)
		VPERM2F128(U8(0x31), w, v, b)
		VSHUFPS(U8(0x88), b, a, even)
		VSHUFPS(U8(0xDD), b, a, odd)
		u(2*h, even)
		u(2*h+1, odd)
	}
}

// denseBF16 is a matrix of bfloat16.
type denseBF16 struct {
	m       machine
	columns bool
	words   words
}

func (*denseBF16) name() string { return "DenseBF16" }
func (*denseBF16) tables() int  { return 1 }
func (*denseBF16) strip() int   { return 1 }
func (*denseBF16) advance() int { return 128 }
func (*denseBF16) element() int { return 2 }

func (d *denseBF16) setup(_ reg.Register, columns bool) {
	d.columns = columns
	if !columns {
		d.words = words{m: d.m}
		d.words.setup()
	}
}

func (d *denseBF16) group(_, part int, mem at, t *tail, u use) {
	if d.columns {
		for step := range 4 {
			v := d.m.reg()
			VPMOVZXWD(mem((4*part+step)*d.m.bytes()/2), v)
			VPSLLD(U8(16), v, v)
			u(step, v)
		}
		return
	}
	a, b := d.load(part, mem, t)
	for h := range 2 {
		// Columns 8h..8h+7 of every quad.
		v := d.m.reg()
		if d.m.zmm {
			VSHUFI32X4(U8(0x88+0x55*h), b, a, v)
		} else {
			VPERM2I128(U8(0x20+0x11*h), b, a, v)
		}
		d.words.join(v, nil, 2*h, u)
	}
}

// load loads two registers of neighbouring columns.
func (d *denseBF16) load(part int, mem at, t *tail) (a, b reg.VecVirtual) {
	v := [2]reg.VecVirtual{d.m.reg(), d.m.reg()}
	for i := range v {
		switch {
		case !d.m.zmm:
			VMOVDQU(mem(64*part+32*i), v[i])
		case t == nil:
			VMOVDQU16(mem(64*i), v[i])
		default:
			k := K()
			KSHIFTRQ(U8(32*i), t.mask, k)
			VMOVDQU16_Z(mem(64*i), k, v[i])
		}
	}
	return v[0], v[1]
}
