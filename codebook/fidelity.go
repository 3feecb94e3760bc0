package codebook

import (
	"math"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// ErrorSum accumulates the difference between weights and what they decode to, with and without a sidecar. Merging in
// the order of the blocks gives the same bits whoever computed them. The zero value is empty.
type ErrorSum struct {
	inside    sums   // weights that stay out of the sidecar
	outliers  sums   // the others, as their indices decode
	stored    sums   // the same, as the sidecar's float16 has them
	nonFinite uint64 // NaN and infinities: the sidecar has them, no sum does
}

// sums over pairs of a weight w and what it decodes to, c.
type sums struct {
	count    uint64
	sse      float64 // Σ(w-c)²
	sww, scc float64 // Σw², Σc²
	worst    float64 // max |w-c|
}

func (s *sums) add(w, c float32) {
	x, y := float64(w), float64(c)
	d := x - y
	s.count++
	s.sse += float64(d * d)
	s.sww += float64(x * x)
	s.scc += float64(y * y)
	s.worst = max(s.worst, math.Abs(d))
}

func (s *sums) merge(o *sums) {
	s.count += o.count
	s.sse += o.sse
	s.sww += o.sww
	s.scc += o.scc
	s.worst = max(s.worst, o.worst)
}

// Merge adds o to e.
func (e *ErrorSum) Merge(o *ErrorSum) {
	e.inside.merge(&o.inside)
	e.outliers.merge(&o.outliers)
	e.stored.merge(&o.stored)
	e.nonFinite += o.nonFinite
}

// Add adds the errors of got, which are decoded as they are, to want, which has the same length. Places where want is not
// finite are left out.
func (e *ErrorSum) Add(want, got []float32) {
	for i, w := range want {
		if isFinite(w) {
			e.inside.add(w, got[i])
		}
	}
}

// Outliers is the number of weights that belong in the sidecar, NaN and infinities included.
func (e *ErrorSum) Outliers() uint64 { return e.outliers.count + e.nonFinite }

// Fidelity of the indices together with the sidecar.
func (e *ErrorSum) Fidelity() Fidelity {
	s := e.inside
	s.merge(&e.stored)
	return s.fidelity()
}

// FidelityNoSidecar is the fidelity of the indices alone; weights that are not finite are left out.
func (e *ErrorSum) FidelityNoSidecar() Fidelity {
	s := e.inside
	s.merge(&e.outliers)
	return s.fidelity()
}

// Fidelity is how near decoded weights come to the true ones.
type Fidelity struct {
	Count    uint64  // finite weights compared
	MSE      float64 // mean squared error
	SNR      float64 // 10·log10(Σw²/Σe²) dB; +Inf when exact
	Cosine   float64 // of the angle between the two as vectors; 1 when exact
	MaxError float64 // the largest |error|
}

func (s *sums) fidelity() Fidelity {
	f := Fidelity{Count: s.count, SNR: math.Inf(1), Cosine: 1, MaxError: s.worst}
	if s.count == 0 || s.sse == 0 {
		return f
	}
	f.MSE = s.sse / float64(s.count)
	f.SNR = 10 * detmath.Log10(s.sww/s.sse)
	f.Cosine = 0
	if norm := math.Sqrt(s.sww) * math.Sqrt(s.scc); norm > 0 {
		dot := (s.sww + s.scc - s.sse) / 2 // since (w-c)² = w² + c² - 2wc
		f.Cosine = min(1, dot/norm)
	}
	return f
}

// Compare is the fidelity of got to want, which have the same length: the plain reading of what Quantize sums up.
// Places where want is not finite are left out.
func Compare(want, got []float32) Fidelity {
	var e ErrorSum
	e.Add(want, got)
	return e.Fidelity()
}
