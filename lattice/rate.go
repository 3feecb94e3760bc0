package lattice

import (
	"context"
	"math"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

const (
	maxTries        = 8
	sampleTolerance = 0.002 // bits
	fullTolerance   = 0.005 // bits; beyond it all rows are quantized once more
)

// point is where the search stands.
type point struct {
	log   float64   // log₂ c
	gamma []float64 // γ as measured by the try before
	bits  float64   // with these, as the whole matrix's file would have them
	slope float64   // of bits by log
}

// search finds the step that takes Options.Bits, judging by the sample, by secants: a bit less for every
// doubling of c, but for what is zero already. Each try takes γ from the one before.
func (q *quantizer) search(ctx context.Context, at point) (point, error) {
	var best, last point
	at.slope = -1
	for i := range maxTries {
		log, slope := at.log, at.slope
		next, err := q.try(ctx, at)
		if err != nil {
			return point{}, err
		}
		bits := next.bits
		if i > 1 && log != last.log {
			slope = min(max((bits-last.bits)/(log-last.log), -1.5), -0.25)
		}
		last = point{log: log, bits: bits}
		next.slope = slope
		// The first try has no γ, which says little of the next one.
		if i == 1 || i > 1 && math.Abs(bits-q.o.Bits) < math.Abs(best.bits-q.o.Bits) {
			best = next
		}
		if i > 0 && math.Abs(bits-q.o.Bits) <= sampleTolerance {
			break
		}
		at = next
		at.log = clamp(log + (q.o.Bits-bits)/slope)
	}
	return best, nil
}

// try quantizes the sample. It returns the same place with γ and bits as measured.
func (q *quantizer) try(ctx context.Context, at point) (point, error) {
	m, t, err := q.pass(at).run(ctx, q.sample, false)
	if err != nil {
		return point{}, err
	}
	q.tries++
	sizes, err := cdna.LatticeSize(m, q.lattice(m.Rows))
	if err != nil {
		return point{}, err
	}
	at.gamma = t.gamma()
	perRow := float64(q.counted(sizes)-q.fixed) / float64(m.Rows)
	at.bits = 8 * (perRow + float64(q.fixed)/float64(q.w.Rows())) / float64(q.f.n)
	return at, nil
}

// counted is the size that Options.Bits is of.
func (q *quantizer) counted(s cdna.LatticeSizes) int64 {
	if q.o.InMemory {
		return s.Resident
	}
	return s.File
}

// fixedBytes is the size of one row of zeros.
func (q *quantizer) fixedBytes() (int64, error) {
	m := &cdna.LatticeMatrix{Rows: 1, Cols: q.f.n, Codes: make([]byte, q.f.n), ColumnScale: make([]float32, q.f.n)}
	for j := range m.Codes {
		m.Codes[j] = cdna.LatticeZero
	}
	sizes, err := cdna.LatticeSize(m, q.lattice(1))
	return q.counted(sizes), err
}

// estimate is log₂ c by the entropy of Gaussian columns on a grid of step c, ½·log₂(1 + 2πe·d·w²/c²) bits each.
func (q *quantizer) estimate(ctx context.Context) (float64, error) {
	bits := q.o.Bits - 8*float64(q.fixed)/(float64(q.w.Rows())*float64(q.f.n))
	energies, err := columnEnergies(ctx, q.sample, q.f.pivots)
	if err != nil {
		return 0, err
	}
	low, high := -1000.0, 1000.0
	for range 48 {
		log := (low + high) / 2
		scale := detmath.Exp2(-2 * log)
		sum := 0.0
		for _, e := range energies {
			sum += detmath.Log2(1+float64(2*math.Pi*math.E*float64(e*scale))) / 2
		}
		if sum > bits*float64(q.f.n) {
			low = log
		} else {
			high = log
		}
	}
	return clamp(high), nil
}

// clamp keeps log₂ c where c and its square are numbers, as a file that is all header would have no end of it.
func clamp(log float64) float64 { return min(max(log, -400), 400) }
