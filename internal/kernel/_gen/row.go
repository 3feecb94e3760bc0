package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rows addresses up to four rows, ld bytes apart, at the group at hand.
type rows struct {
	s            source
	base, ld     reg.Register
	threeTimesLD reg.Register
}

// strided makes r addressable as base + r·ld.
func strided(s source, base, ld reg.Register, count int) *rows {
	r := &rows{s: s, base: base, ld: ld}
	if count > 3 && s.strip() == 1 {
		r.threeTimesLD = times3(ld)
	}
	return r
}

func times3(ld reg.Register) reg.Register {
	v := GP64()
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, v)
	return v
}

// element addresses base + i·ld + off for i in 0..3.
func element(base, ld, threeTimesLD reg.Register, i, off int) Mem {
	switch i {
	case 1, 2:
		return Mem{Base: base, Index: ld, Scale: uint8(i), Disp: off}
	case 3:
		return Mem{Base: base, Index: threeTimesLD, Scale: 1, Disp: off}
	default:
		return Mem{Base: base, Disp: off}
	}
}

func (r *rows) at(i int) at {
	if r.s.strip() > 1 {
		i = 0
	}
	return func(off int) Mem { return element(r.base, r.ld, r.threeTimesLD, i, off) }
}

// prefetch asks for what group will read, distance bytes later.
func (r *rows) prefetch(count, distance int) {
	if r.s.strip() > 1 {
		count = 1
	}
	for i := range count {
		for off := 0; off < r.s.advance(); off += 64 {
			PREFETCHT0(r.at(i)(off + distance))
		}
	}
}

func (r *rows) next() { ADDQ(I32(r.s.advance()), r.base) }

// newTail prepares for the last count (1..63) columns.
func newTail(m machine, count reg.GPVirtual) *tail {
	v, x := m.reg(), XMM()
	VMOVD(count.As32(), x)
	VPBROADCASTD(x, v)
	t := &tail{count: v}
	if m.zmm {
		ones, mask := GP64(), K()
		MOVQ(I32(-1), ones)
		SHLQ(reg.CL, ones)
		NOTQ(ones)
		KMOVQ(ones, mask)
		t.mask = mask
	}
	return t
}

// tailGroup is source.group for the last columns of row i: those past the end
// are +0. 512-bit loads are masked. 256-bit ones read a copy on the stack.
func tailGroup(m machine, r *rows, i, part int, count reg.GPVirtual, t *tail, stack Mem, u use) {
	mem := r.at(i)
	if size := r.s.element(); size > 0 && !m.zmm {
		copyTail(mem(0), stack, count, size)
		mem = func(off int) Mem { return stack.Offset(off) }
	}
	r.s.group(i, part, mem, t, func(step int, w reg.VecVirtual) {
		columns := laneColumns(m).Offset(step*64 + part*32)
		if m.zmm {
			k := K()
			VPCMPUD(U8(6), columns, t.count, k) // count > column
			VMOVAPS_Z(w, k, w)
		} else {
			mask := YMM()
			VPCMPGTD(columns, t.count, mask)
			VPAND(mask, w, w)
		}
		u(step, w)
	})
}

var labels int

// label returns a name for a jump target that is not used yet.
func label(name string) string {
	labels++
	return name + string(rune('a'+labels/26/26%26)) + string(rune('a'+labels/26%26)) + string(rune('a'+labels%26))
}

// copyTail copies count elements.
func copyTail(from, to Mem, count reg.GPVirtual, size int) {
	src, dst, n, v := GP64(), GP64(), GP64(), GP64()
	loop := label("copy")
	LEAQ(from, src)
	LEAQ(to, dst)
	MOVQ(count, n)
	Label(loop)
	switch size {
	case 1:
		MOVB(Mem{Base: src}, v.As8())
		MOVB(v.As8(), Mem{Base: dst})
	case 2:
		MOVW(Mem{Base: src}, v.As16())
		MOVW(v.As16(), Mem{Base: dst})
	case 4:
		MOVL(Mem{Base: src}, v.As32())
		MOVL(v.As32(), Mem{Base: dst})
	}
	ADDQ(U8(size), src)
	ADDQ(U8(size), dst)
	DECQ(n)
	JNZ(LabelRef(loop))
}
