package codebook

import (
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// How near a design comes to what was wanted of it.
const (
	snrTolerance = 0.006 // dB that a design may be too good
	bitTolerance = 0.002 // fraction of the bits wanted that may stay unused
	dBPerBit     = 6.0206
	maxMeasured  = 6 // times that Options.Rate is asked
)

// entropy designs for the SNR or the bits wanted; o has its defaults.
func entropy(p *points, o Options) (*Codebook, error) {
	s := newSolver(p, o)
	if o.SNR > 0 {
		t, ok := s.forSNR(o.SNR, o.Outliers)
		switch {
		case o.Bits == 0:
			return t.codebook(), nil
		case ok:
			c := t.codebook()
			if bits, err := measure(o, t, c); err != nil || bits <= o.Bits {
				return c, err
			}
		}
	}
	return s.forBits(o)
}

func newSolver(p *points, o Options) *solver {
	return &solver{
		points: p, entries: o.Entries, longest: o.LongestCode, start: o.Start, bf16: !o.FullPrecision, clip: math.Inf(1),
	}
}

// forSNR finds the solution of fewest bits that reaches snr, or else that of least error.
func (s *solver) forSNR(snr float64, mode OutlierMode) (best solution, ok bool) {
	best, ok = s.fewestBits(snr)
	if mode == Auto {
		for _, clipped := range s.clips(best) {
			t, reached := clipped.fewestBits(snr)
			if reached && (!ok || t.bits < best.bits) || !reached && !ok && t.snr > best.snr {
				best, ok = t, reached
			}
		}
	}
	return best.ladder(ok, s.snrGoal(snr))
}

// fewestBits is forSNR without a choice of sidecars. It gives up bfloat16 values where only that meets snr.
func (s *solver) fewestBits(snr float64) (solution, bool) {
	t, ok := s.search(s.lambdaFor(snr), s.snrGoal(snr))
	if ok || !s.bf16 {
		return t, ok
	}
	full := *s
	full.bf16, full.least = false, nil
	return full.search(s.lambdaFor(snr), s.snrGoal(snr))
}

func (s *solver) snrGoal(snr float64) goal {
	want := snr + s.margin(snr)
	return goal{func(t solution) float64 { return t.snr - want }, 1, snrTolerance}
}

// forBits finds the codebook of least error within o.Bits. The bits that a solution expects and the bits that o.Rate
// measures differ by little and almost constantly, so it moves its aim by the difference until they agree.
func (s *solver) forBits(o Options) (*Codebook, error) {
	t := s.leastErrorWithin(o.Bits, o.Outliers)
	var best, last *Codebook
	bestSNR, bits, aim := 0.0, 0.0, o.Bits
	low, high := 0.0, math.Inf(1) // aims that left bits unused, and that took too many
	for i := range maxMeasured {
		c := t.codebook()
		if !c.equal(last) {
			var err error
			if bits, err = measure(o, t, c); err != nil {
				return nil, err
			}
		}
		fits := bits <= o.Bits
		if fits && (best == nil || t.snr > bestSNR) {
			best, bestSNR = c, t.snr
		}
		if o.Rate == nil || !fits && len(c.Values) == 1 || fits && (bits >= o.Bits*(1-bitTolerance) || t.lambda == 0) {
			break
		}
		last = c
		if fits {
			low = aim
		} else {
			aim = min(aim, t.bits*(1+coarse*bitTolerance/2)) // t may have far fewer bits than it might
			high = aim
		}
		aim = max(0, aim+float64(o.Bits*(1-bitTolerance/2))-bits)
		if aim <= low || aim >= high {
			aim = middle(low, high)
		}
		if i == 0 { // the difference may make another sidecar the best
			t = s.leastErrorWithin(aim, o.Outliers)
		} else {
			t = t.solver.leastErrorWithin(aim, Never)
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%.3f bits per weight: %d values still take %.3f: %w", o.Bits, len(t.value), bits, ErrUnreachable)
	}
	return best, nil
}

// leastErrorWithin is the best that fits into bits, with or without a sidecar. When nothing fits it returns what a search
// ended with.
func (s *solver) leastErrorWithin(bits float64, mode OutlierMode) solution {
	t, ok := s.within(bits)
	if mode == Auto {
		for _, clipped := range s.clips(t) {
			if u, fits := clipped.within(bits); fits && (!ok || u.snr > t.snr) {
				t, ok = u, true
			}
		}
	}
	t, _ = t.ladder(ok, bitGoal(bits))
	return t
}

func (s *solver) within(bits float64) (solution, bool) {
	return s.search(s.lambdaFor(bits*dBPerBit), bitGoal(bits))
}

func bitGoal(bits float64) goal {
	return goal{func(t solution) float64 { return float64((t.bits - bits) * dBPerBit) }, -1, bitTolerance / 2 * bits * dBPerBit}
}

// measure asks o.Rate for the bits per weight of c, or else believes the solution that c comes from.
func measure(o Options, t solution, c *Codebook) (float64, error) {
	if o.Rate == nil {
		return t.bits, nil
	}
	return o.Rate(c)
}

// margin is how many dB to aim higher so that the true error is not above its estimate. Weights lie up to half a bin off
// their points, evenly spread, which moves an error e of weight w by about 2^-10·w·e/√3, more or less; over n weights
// that leaves the relative uncertainty 2^-10·√(Σw²/Σe²)/√(3n). This takes four times as much.
func (s *solver) margin(snr float64) float64 {
	if s.points.exact {
		return 1e-9
	}
	const dBPerUnit = 10 / math.Ln10
	return min(0.02, 4*dBPerUnit*0x1p-10/math.Sqrt(3*s.points.total())*detmath.Exp10(snr/20))
}

// lambdaFor is the price that gives about snr dB: D = Δ²/12 and Δ² = 6·lambda/ln 2.
func (s *solver) lambdaFor(snr float64) float64 {
	return 2 * math.Ln2 * s.points.power * detmath.Exp10(-snr/10) / s.points.total()
}
