package codebook

import (
	"math"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// RatePoint is how far the error goes down at a rate.
type RatePoint struct {
	Bits  float64 // per weight: a Huffman code of the indices, and the sidecar
	SNR   float64 // dB
	Error float64 // sum of squared errors of all weights
}

// RateCurve returns what [Entropy] reaches for the weights that h counted at each of
// the given ratios in dB, which ascend: the lower envelope from which bits are
// allocated among tensors. It ends where more entries would be needed, or where
// the weights are exact. Of o, SNR, Bits and Rate are ignored. It is empty for
// weights that a single value holds.
func RateCurve(h *Histogram, snrs []float64, o Options) ([]RatePoint, error) {
	o.Method, o.Bits, o.Rate, o.SNR = Entropy, 0, nil, DefaultSNR
	o, err := o.withDefaults()
	if err != nil || h.count == 0 {
		return nil, err
	}
	p := newPoints(h)
	if len(p.x) == 1 {
		return nil, nil
	}
	var curve []RatePoint
	for _, snr := range snrs {
		t, ok := newSolver(p, o).forSNR(snr, o.Outliers)
		if n := len(curve); n > 0 && (t.bits <= curve[n-1].Bits || t.snr <= curve[n-1].SNR) {
			continue
		}
		point := RatePoint{Bits: t.bits, SNR: t.snr}
		exact := math.IsInf(t.snr, 1)
		if !exact {
			point.Error = float64(p.power * detmath.Exp10(-t.snr/10))
		}
		curve = append(curve, point)
		if exact || !ok {
			break
		}
	}
	return curve, nil
}
