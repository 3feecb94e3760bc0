package codebook

import (
	"math"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// ErrorSum accumulates the difference between weights and what they decode to. Merging in the order of the blocks gives
// the same bits whoever computed them. The zero value is empty.
type ErrorSum struct {
	count    uint64
	sse      float64 // Σ(w-c)²
	sww, scc float64 // Σw², Σc²
	worst    float64 // max |w-c|
}

func (e *ErrorSum) add(w, c float32) {
	if !isFinite(w) {
		return
	}
	x, y := float64(w), float64(c)
	d := x - y
	e.count++
	e.sse += float64(d * d)
	e.sww += float64(x * x)
	e.scc += float64(y * y)
	e.worst = max(e.worst, math.Abs(d))
}

// Merge adds o to e.
func (e *ErrorSum) Merge(o *ErrorSum) {
	e.count += o.count
	e.sse += o.sse
	e.sww += o.sww
	e.scc += o.scc
	e.worst = max(e.worst, o.worst)
}

// Fidelity is how near decoded weights come to the true ones.
type Fidelity struct {
	Count    uint64  // weights compared
	MSE      float64 // mean squared error
	SNR      float64 // 10·log10(Σw²/Σe²) dB; +Inf when exact
	Cosine   float64 // of the angle between the two as vectors; 1 when exact
	MaxError float64 // the largest |error|
}

// Fidelity of everything added.
func (e *ErrorSum) Fidelity() Fidelity {
	f := Fidelity{Count: e.count, SNR: math.Inf(1), Cosine: 1, MaxError: e.worst}
	if e.count == 0 || e.sse == 0 {
		return f
	}
	f.MSE = e.sse / float64(e.count)
	f.SNR = 10 * detmath.Log10(e.sww/e.sse)
	dot := (e.sww + e.scc - e.sse) / 2
	if norm := math.Sqrt(e.sww) * math.Sqrt(e.scc); norm > 0 {
		f.Cosine = min(1, dot/norm)
	} else {
		f.Cosine = 0
	}
	return f
}

// Compare is the fidelity of got to want, which have the same length: the plain reading of what Quantize sums up.
// Places where want is not finite are left out.
func Compare(want, got []float32) Fidelity {
	var e ErrorSum
	for i, w := range want {
		e.add(w, got[i])
	}
	return e.Fidelity()
}
