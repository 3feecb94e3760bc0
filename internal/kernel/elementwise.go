package kernel

import "github.com/helix-substrate/helix-substrate/internal/detmath"

// The functions of activations are those of internal/detmath, element by element: float64 operations in a given order,
// each rounded by itself, and one rounding to float32. A NaN comes out as the canon's.

// elementwise are the routines of a level. They take a positive multiple of unit elements; unit is 0 where there are none.
type elementwise struct {
	unit    int
	softcap scaledFunc // cap·tanh(scale·x/cap), with scale and cap
	exp     scaledFunc // e^((x−from)/scale), with from and scale
	// siluMul and geluTanhMul set x to act(x)·u.
	siluMul, geluTanhMul gateFunc
}

// scaledFunc overwrites x.
type scaledFunc func(x *float32, n int, a, b float32)

type gateFunc func(x, u *float32, n int)

// elementwise returns the level's routines, nil if it has none.
func (k *Kernels) elementwise() *elementwise {
	if k.asm == nil || k.asm.elementwise.unit == 0 {
		return nil
	}
	return &k.asm.elementwise
}

// Softcap replaces x by cap·tanh(scale·x/cap), in float32 but for the hyperbolic tangent.
func (k *Kernels) Softcap(x []float32, scale, cap float32) {
	f := k.elementwise()
	if f == nil {
		for i, v := range x {
			x[i] = canonical(cap * detmath.Tanh(v*scale/cap))
		}
		return
	}
	k.scaled(f.softcap, f.unit, x, scale, cap)
}

// Exp replaces x by e^((x−from)/scale), in float32 but for the exponential.
func (k *Kernels) Exp(x []float32, from, scale float32) {
	f := k.elementwise()
	if f == nil {
		for i, v := range x {
			x[i] = canonical(detmath.Exp((v - from) / scale))
		}
		return
	}
	k.scaled(f.exp, f.unit, x, from, scale)
}

func (k *Kernels) scaled(f scaledFunc, unit int, x []float32, a, b float32) {
	whole := len(x) / unit * unit
	if whole > 0 {
		f(&x[0], whole, a, b)
	}
	if rest := x[whole:]; len(rest) > 0 {
		s := k.scratch.Get().(*scratch)
		last := resize(&s.sums, unit)
		copy(last, rest)
		f(&last[0], unit, a, b)
		copy(rest, last)
		k.scratch.Put(s)
	}
}

// SiLUMul replaces g by silu(g)·u, silu(v) = v/(1+e^-v). It panics unless both are as long.
func (k *Kernels) SiLUMul(g, u []float32) {
	if len(g) != len(u) {
		panicf("SiLUMul: %d elements by %d", len(g), len(u))
	}
	if f := k.elementwise(); f != nil {
		k.gate(f.siluMul, f.unit, g, u)
		return
	}
	for i, v := range g {
		g[i] = canonical(detmath.SiLU(v) * u[i])
	}
}

// GELUTanhMul replaces g by gelu(g)·u in GELU's tanh approximation. It panics unless both are as long.
func (k *Kernels) GELUTanhMul(g, u []float32) {
	if len(g) != len(u) {
		panicf("GELUTanhMul: %d elements by %d", len(g), len(u))
	}
	if f := k.elementwise(); f != nil {
		k.gate(f.geluTanhMul, f.unit, g, u)
		return
	}
	for i, v := range g {
		g[i] = canonical(detmath.GELUTanh(v) * u[i])
	}
}

// GELUMul replaces g by gelu(g)·u. It panics unless both are as long.
func (k *Kernels) GELUMul(g, u []float32) {
	if len(g) != len(u) {
		panicf("GELUMul: %d elements by %d", len(g), len(u))
	}
	for i, v := range g {
		g[i] = canonical(detmath.GELU(v) * u[i])
	}
}

func (k *Kernels) gate(f gateFunc, unit int, g, u []float32) {
	whole := len(g) / unit * unit
	if whole > 0 {
		f(&g[0], &u[0], whole)
	}
	if rest := g[whole:]; len(rest) > 0 {
		s := k.scratch.Get().(*scratch)
		last := resize(&s.sums, 2*unit)
		copy(last, rest)
		copy(last[unit:], u[whole:])
		f(&last[0], &last[unit], unit)
		copy(rest, last)
		k.scratch.Put(s)
	}
}
