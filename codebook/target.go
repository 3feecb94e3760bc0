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
	s := &solver{points: p, entries: o.Entries, longest: o.LongestCode, bf16: !o.FullPrecision, clip: math.Inf(1)}
	if o.SNR > 0 {
		t, ok := s.forSNR(o.SNR, o.Outliers)
		switch {
		case ok && o.Bits == 0:
			return t.codebook(), nil
		case ok:
			c := t.codebook()
			if bits, err := measure(o, t, c); err != nil || bits <= o.Bits {
				return c, err
			}
		case o.Bits == 0:
			return kmeans(p, o.Entries, o.Start, !o.FullPrecision), nil
		}
	}
	return s.forBits(o)
}

// forSNR finds the solution of fewest bits that reaches snr, if there is one.
func (s *solver) forSNR(snr float64, mode OutlierMode) (best solution, ok bool) {
	want := snr + s.margin(snr)
	over := func(t solution) float64 { return t.snr - want }
	best, ok = s.search(s.lambdaFor(snr), over, 1, snrTolerance)
	if mode == Never {
		return best, ok
	}
	for _, clipped := range s.clips(best) {
		t, reached := clipped.search(clipped.lambdaFor(snr), over, 1, snrTolerance)
		if reached && (!ok || t.bits < best.bits) {
			best, ok = t, true
		}
	}
	return best, ok
}

// forBits finds the codebook of least error within o.Bits. The bits that a solution expects and the bits that o.Rate
// measures differ by little and almost constantly, so it moves its aim by the difference until they agree.
func (s *solver) forBits(o Options) (*Codebook, error) {
	within := func(s *solver, bits float64) (solution, bool) {
		over := func(t solution) float64 { return float64((t.bits - bits) * dBPerBit) }
		return s.search(s.lambdaFor(bits*dBPerBit), over, -1, bitTolerance/2*o.Bits*dBPerBit)
	}
	t, ok := within(s, o.Bits)
	if o.Outliers == Auto {
		for _, clipped := range s.clips(t) {
			if u, fits := within(clipped, o.Bits); fits && (!ok || u.snr > t.snr) {
				t, ok = u, true
			}
		}
	}
	var best *Codebook
	var bestBits float64
	aim, bits := o.Bits, 0.0
	for range maxMeasured {
		c := t.codebook()
		var err error
		if bits, err = measure(o, t, c); err != nil {
			return nil, err
		}
		if bits <= o.Bits && (best == nil || bits > bestBits) {
			best, bestBits = c, bits
		}
		if o.Rate == nil || len(c.Values) == 1 && bits > o.Bits || bits <= o.Bits && bits >= o.Bits*(1-bitTolerance) {
			break
		}
		aim = max(0, aim+float64(o.Bits*(1-bitTolerance/2))-bits)
		t, _ = within(t.solver, aim)
	}
	if best == nil {
		return nil, fmt.Errorf("%.3f bits per weight: %d values still take %.3f: %w", o.Bits, len(t.value), bits, ErrUnreachable)
	}
	return best, nil
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

// search looks for the lambda at which gap, given in dB, crosses 0; gap falls as lambda rises. It returns the solution
// nearest to 0 on the side given, +1 or -1, and whether there is one; otherwise the last one tried. It ends within
// tolerance, or when there is nothing nearer.
func (s *solver) search(lambda float64, gap func(solution) float64, side, tolerance float64) (best solution, ok bool) {
	const maxSolves, maxStuck = 16, 4
	const coarse = 5 // times the tolerance: what trim takes up
	aim := float64(side * tolerance * coarse / 2)
	var above, below *solution // with the least gap seen above the aim, and below
	var last, step float64     // the gap before, and the step from it in dB
	stuck := 0
	for range maxSolves {
		t := s.solve(lambda)
		g := gap(t)
		if g > aim {
			above = &t
		} else {
			below = &t
		}
		if g*side >= 0 && math.Abs(g) <= coarse*tolerance {
			break
		}
		if above != nil && below != nil {
			if below.lambda < above.lambda*1.0001 {
				break
			}
			part := 0.5
			if width := gap(*above) - gap(*below); !math.IsInf(width, 0) {
				part = min(max((gap(*above)-aim)/width, 0.1), 0.9)
			}
			lambda = above.lambda * detmath.Exp2(float64(part*detmath.Log2(below.lambda/above.lambda)))
			continue
		}
		// Where lambda makes no difference go farther, but not for ever.
		if step != 0 && math.Abs(last-g) < 0.01*math.Abs(step) {
			stuck++
		}
		if stuck == maxStuck {
			break
		}
		last, step = g, float64((g-aim)*float64(int(1)<<(2*stuck)))
		step = min(max(step, -30), 30)
		if math.Abs(step) < tolerance {
			step = math.Copysign(tolerance, step)
		}
		lambda *= detmath.Exp10(step / 10)
	}
	for _, t := range []*solution{above, below} {
		if t == nil {
			continue
		}
		u, good := trim(*t, gap, side, tolerance)
		if good && (!ok || side > 0 && u.bits < best.bits || side < 0 && u.snr > best.snr) {
			best, ok = u, true
		}
		if !ok {
			best = u
		}
	}
	return best, ok
}

// trim takes up the gap that a solution leaves because its Huffman code jumps between one lambda and the next: it keeps
// code and values and only shifts the cells' limits, as for another lambda. It reports whether it ends on the side given.
func trim(t solution, gap func(solution) float64, side, tolerance float64) (best solution, ok bool) {
	const maxSteps = 20
	best, ok = t, gap(t)*side >= 0
	var above, below float64 // lambdas with gap above 0, and below; 0 = not known
	lambda, factor := t.lambda, 1.01
	u := t
	for range maxSteps {
		g := gap(u)
		if g*side >= 0 && (!ok || math.Abs(g) < math.Abs(gap(best))) {
			best, ok = u, true
		}
		if ok && math.Abs(gap(best)) <= tolerance || math.IsInf(g, 0) {
			break
		}
		if g > 0 {
			above = lambda
		} else {
			below = lambda
		}
		switch {
		case above == 0:
			lambda /= factor
		case below == 0:
			lambda *= factor
		default:
			lambda = math.Sqrt(above) * math.Sqrt(below)
		}
		factor *= factor
		u = t.shift(lambda)
	}
	return best, ok
}
