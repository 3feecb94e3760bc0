package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// exp32 is the exponential of attention_exp.go.
type exp32 struct {
	m machine
}

func newExp32(m machine) exp32 { return exp32{m} }

// constant is a register full of a float32 in memory; with 512-bit registers one, which instructions broadcast.
func (e exp32) constant(value float32) Mem {
	bits := math.Float32bits(value)
	return constant(e.m, fmt.Sprintf("s%08X", bits), func() {
		DATA(0, U32(bits))
		for i := 1; i < 8 && !e.m.zmm; i++ {
			DATA(4*i, U32(bits))
		}
	})
}

// coefficients are the polynomial's after the first.
var coefficients = []float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1}

// apply replaces each of x by e^x.
func (e exp32) apply(x ...reg.VecVirtual) {
	m := e.m
	next := func() (v []reg.VecVirtual) {
		for range x {
			v = append(v, m.reg())
		}
		return v
	}
	// multiplyAdd is v = v·by + c.
	multiplyAdd := func(v, by reg.VecVirtual, c float32) {
		if m.zmm {
			VFMADD213PS_BCST(e.constant(c), by, v)
		} else {
			VFMADD213PS(e.constant(c), by, v)
		}
	}
	addTo := func(v reg.VecVirtual, c float32, by reg.VecVirtual) { // v += c·by
		if m.zmm {
			VFMADD231PS_BCST(e.constant(c), by, v)
		} else {
			VFMADD231PS(e.constant(c), by, v)
		}
	}
	broadcast := func(c float32) reg.VecVirtual {
		v := m.reg()
		VBROADCASTSS(e.constant(c), v)
		return v
	}
	t, n, p := next(), next(), next()
	shifter, least := broadcast(0x1.8p23+127), broadcast(-87)
	for i := range x {
		VMOVAPS(shifter, t[i])
		addTo(t[i], math.Log2E, x[i])
		VSUBPS(shifter, t[i], n[i])
		VMOVAPS(x[i], p[i]) // r, for now
		addTo(p[i], -0x1.63p-1, n[i])
		addTo(p[i], 2.12194440e-4, n[i])
	}
	r := p
	p = next()
	for i := range x {
		VBROADCASTSS(e.constant(1.9875691500e-4), p[i])
	}
	for _, c := range coefficients {
		for i := range x {
			multiplyAdd(p[i], r[i], c)
		}
	}
	for i := range x {
		VPSLLD(U8(23), t[i], t[i])
		if m.zmm {
			k := K()
			VCMPPS(U8(5), least, x[i], k) // not less, a NaN too
			VMULPS_Z(t[i], p[i], k, x[i])
		} else {
			VCMPPS(U8(5), least, x[i], x[i])
			VMULPS(t[i], p[i], p[i])
			VANDPS(x[i], p[i], x[i])
		}
	}
}
