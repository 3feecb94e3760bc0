package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The functions of a transformer's activations, twins of those in internal/detmath: the same operations of float64 in
// the same order, each rounded by itself, never fused. A register of float64 comes from half a register of float32. Two
// go side by side, since a polynomial is a long chain.

// pair is two registers of float64, or two halves of float32.
type pair [2]reg.VecVirtual

func newPair(next func() reg.VecVirtual) pair { return pair{next(), next()} }

// half is a register of as many float32 as a whole one has float64.
func (m machine) half() reg.VecVirtual {
	if m.zmm {
		return YMM()
	}
	return XMM()
}

// constant64 is a float64 in memory: once with 512-bit registers, where instructions broadcast it, elsewhere a register full.
func constant64(m machine, bits uint64) Mem {
	return constant(m, fmt.Sprintf("d%016X", bits), func() {
		DATA(0, U64(bits))
		for i := 1; i < 4 && !m.zmm; i++ {
			DATA(8*i, U64(bits))
		}
	})
}

// load64 is a register full of a value.
func load64(m machine, value float64) reg.VecVirtual {
	v := m.reg()
	VBROADCASTSD(constant64(m, math.Float64bits(value)), v)
	return v
}

// operation is an instruction by how its first operand comes from memory: whole or broadcast.
type operation struct{ whole, broadcast func(...Op) }

var (
	add64 = operation{VADDPD, VADDPD_BCST}
	mul64 = operation{VMULPD, VMULPD_BCST}
	and64 = operation{VANDPD, VANDPD_BCST}
	xor64 = operation{VXORPD, VXORPD_BCST}
)

func (o operation) bits(m machine, bits uint64, from, to Op) {
	if m.zmm {
		o.broadcast(constant64(m, bits), from, to)
	} else {
		o.whole(constant64(m, bits), from, to)
	}
}

func (o operation) value(m machine, value float64, from, to Op) {
	o.bits(m, math.Float64bits(value), from, to)
}

const signBit = 1 << 63

// The coefficients of e^r after the first, 1/10!.
var taylor = []float64{1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1}

// exp returns e^x, as detmath.exp does for all that float32 results can show, and overwrites x. Below -700, where that
// has 0, it is e^-700: no float32, nor anything beside 1. From 709.44 on, at the latest beyond 709, it is infinite.
func exp(m machine, x pair) pair {
	k, t, p := newPair(m.reg), newPair(m.reg), newPair(m.reg)
	low, high := load64(m, -700), load64(m, 710)
	for i := range x {
		// A NaN stays: the operand named first is what comes out then.
		VMAXPD(x[i], low, x[i])
		VMINPD(x[i], high, x[i])
		mul64.value(m, math.Log2E, x[i], k[i])
		if m.zmm {
			VRNDSCALEPD(U8(8), k[i], k[i]) // to nearest even
		} else {
			VROUNDPD(U8(8), k[i], k[i])
		}
		mul64.value(m, 0x1.62e42feep-1, k[i], t[i])
		VSUBPD(t[i], x[i], x[i])
		mul64.value(m, 0x1.a39ef35793c76p-33, k[i], t[i])
		VSUBPD(t[i], x[i], x[i])
		mul64.value(m, 1.0/3628800, x[i], p[i])
	}
	for n, c := range taylor {
		for i := range x {
			add64.value(m, c, p[i], p[i])
			if n < len(taylor)-1 {
				VMULPD(x[i], p[i], p[i])
			}
		}
	}
	for i := range x {
		// The sum's lowest bits are k + 1023, the exponent of 2^k.
		add64.value(m, 0x1.8p52+1023, k[i], k[i])
		VPSLLQ(U8(52), k[i], k[i])
		VMULPD(k[i], p[i], p[i])
	}
	return p
}

// tanh returns the hyperbolic tangent of x, as detmath.tanh does. Beyond ±20 (1-e)/(1+e) rounds to 1.
func tanh(m machine, x pair) pair {
	e := newPair(m.reg)
	for i := range x {
		and64.bits(m, signBit-1, x[i], e[i])
		mul64.value(m, -2, e[i], e[i])
	}
	e = exp(m, e)
	one, least, third := load64(m, 1), load64(m, 0x1p-10), load64(m, 1.0/3)
	for i := range x {
		t, small := m.reg(), m.reg()
		VSUBPD(e[i], one, t)
		VADDPD(e[i], one, e[i])
		VDIVPD(e[i], t, t)
		and64.bits(m, signBit, x[i], small)
		VORPD(small, t, t)
		VMULPD(x[i], x[i], small)
		VMULPD(small, x[i], small)
		VMULPD(third, small, small)
		VSUBPD(small, x[i], small)
		and64.bits(m, signBit-1, x[i], e[i])
		if m.zmm {
			k := K()
			VCMPPD(U8(0x11), least, e[i], k) // |x| < least
			VMOVAPD(small, k, t)
		} else {
			VCMPPD(U8(0x11), least, e[i], e[i])
			VBLENDVPD(e[i], small, t, t)
		}
		e[i] = t
	}
	return e
}

// elementwise is a routine that overwrites n elements, a positive multiple of the unit, at its first parameter.
type elementwise struct {
	m    machine
	x, u reg.Register // u: the second vector, if there is one
	nan  reg.VecVirtual
}

func newElementwise(m machine, name, signature, doc string) *elementwise {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc + "; n is a positive multiple of the unit.")
	e := &elementwise{m: m, nan: m.half()}
	broadcastD(0x7FC00000, e.nan)
	return e
}

// loop emits body, which takes so many bytes of each vector, until n elements are done.
func (e *elementwise) loop(bytes int, body func()) {
	n := Load(Param("n"), GP64())
	loop := label("loop")
	Label(loop)
	body()
	ADDQ(I32(bytes), e.x)
	if e.u != nil {
		ADDQ(I32(bytes), e.u)
	}
	SUBQ(I32(bytes/4), n)
	JNZ(LabelRef(loop))
}

// parameter is where a parameter or the result lies.
func parameter(c gotypes.Component) Mem {
	b, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// broadcast is half a register of a float32 parameter.
func (e *elementwise) broadcast(name string) reg.VecVirtual {
	v := e.m.half()
	VBROADCASTSS(parameter(Param(name)), v)
	return v
}

// at is the place of part i.
func (e *elementwise) at(base reg.Register, i int) Mem {
	return Mem{Base: base, Disp: i * e.m.bytes() / 2}
}

func (e *elementwise) load() pair {
	v := newPair(e.m.half)
	for i := range v {
		VMOVUPS(e.at(e.x, i), v[i])
	}
	return v
}

func (e *elementwise) widen(v pair) pair {
	x := newPair(e.m.reg)
	for i := range v {
		VCVTPS2PD(v[i], x[i])
	}
	return x
}

func (e *elementwise) narrow(x pair) pair {
	v := newPair(e.m.half)
	for i := range x {
		if e.m.zmm {
			VCVTPD2PS(x[i], v[i])
		} else {
			VCVTPD2PSY(x[i], v[i])
		}
	}
	return v
}

// store stores v, a NaN as 0x7FC00000.
func (e *elementwise) store(v pair) {
	for i := range v {
		if e.m.zmm {
			k := K()
			VCMPPS(U8(3), v[i], v[i], k) // unordered
			VMOVAPS(e.nan, k, v[i])
		} else {
			mask := XMM()
			VCMPPS(U8(3), v[i], v[i], mask)
			VBLENDVPS(mask, e.nan, v[i], v[i])
		}
		VMOVUPS(v[i], e.at(e.x, i))
	}
}

func (e *elementwise) end() {
	VZEROUPPER()
	RET()
}

// gate is act(x)·u.
func gate(m machine, name, function string, act func(m machine, v pair) pair) {
	e := newElementwise(m, name, "func(x, u *float32, n int)", "sets n elements of x to "+function+"(x)·u")
	e.x, e.u = Load(Param("x"), GP64()), Load(Param("u"), GP64())
	e.loop(m.bytes(), func() {
		v := e.narrow(act(m, e.widen(e.load())))
		for i := range v {
			VMULPS(e.at(e.u, i), v[i], v[i])
		}
		e.store(v)
	})
	e.end()
}

// silu is v/(1+e^-v).
func silu(m machine, v pair) pair {
	x := newPair(m.reg)
	for i := range v {
		xor64.bits(m, signBit, v[i], x[i])
	}
	x = exp(m, x)
	for i := range x {
		add64.value(m, 1, x[i], x[i])
		VDIVPD(x[i], v[i], x[i])
	}
	return x
}

// geluTanh is v/2·(1+tanh(√(2/π)(v+0.044715v³))).
func geluTanh(m machine, v pair) pair {
	x := newPair(m.reg)
	for i := range v {
		VMULPD(v[i], v[i], x[i])
		VMULPD(x[i], v[i], x[i])
		mul64.value(m, 0.044715, x[i], x[i])
		VADDPD(x[i], v[i], x[i])
		mul64.value(m, 0.7978845608028654, x[i], x[i])
		mul64.value(m, 0.5, v[i], v[i])
	}
	x = tanh(m, x)
	for i := range x {
		add64.value(m, 1, x[i], x[i])
		VMULPD(x[i], v[i], x[i])
	}
	return x
}

// softcap is cap·tanh(scale·x/cap).
func softcap(m machine, name string) {
	e := newElementwise(m, name, "func(x *float32, n int, scale, cap float32)", "sets n elements to cap·tanh(scale·x/cap)")
	e.x = Load(Param("x"), GP64())
	scale, limit := e.broadcast("scale"), e.broadcast("cap")
	e.loop(m.bytes(), func() {
		v := e.load()
		for i := range v {
			VMULPS(scale, v[i], v[i])
			VDIVPS(limit, v[i], v[i])
		}
		v = e.narrow(tanh(m, e.widen(v)))
		for i := range v {
			VMULPS(limit, v[i], v[i])
		}
		e.store(v)
	})
	e.end()
}

// expScaled is e^((x−from)/scale).
func expScaled(m machine, name string) {
	e := newElementwise(m, name, "func(x *float32, n int, from, scale float32)", "sets n elements to e^((x−from)/scale)")
	e.x = Load(Param("x"), GP64())
	from, scale := e.broadcast("from"), e.broadcast("scale")
	e.loop(m.bytes(), func() {
		v := e.load()
		for i := range v {
			VSUBPS(from, v[i], v[i])
			VDIVPS(scale, v[i], v[i])
		}
		e.store(e.narrow(exp(m, e.widen(v))))
	})
	e.end()
}
