package convert

import (
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
)

// Allocation is how the bits of a given size are spread over a model's matrices.
type Allocation string

const (
	EqualRate  Allocation = "rate"  // the same bits per weight in every matrix
	EqualSNR   Allocation = "snr"   // the same signal-to-noise ratio in every matrix
	LeastError Allocation = "error" // the least sum of squared errors: a bit goes where it takes most away
	// LeastDivergence is for lattice matrices, of a size, a rate or a divergence: each is tried as
	// it is at equal rates, and a bit goes where it changes the predictions most.
	LeastDivergence Allocation = "divergence"
)

// DefaultAllocation is what --size means by itself where matrices become codebooks; docs/QUALITY.md compares them.
const DefaultAllocation = EqualRate

// ErrSize reports a Job.Size that cannot be met.
var ErrSize = errors.New("size out of reach")

// surveyed are the ratios, in dB from the one that the budget would give Gaussian
// weights, at which a matrix's rate is surveyed. Between them the bits are
// interpolated: curves are nearly straight.
var surveyed = []float64{-18, -12, -8, -4, 0, 4, 8, 12, 18}

// Ratios outside are not surveyed: no model survives less, and more than about
// 42 dB takes more than 256 values.
const leastSurveyed, mostSurveyed = 4, 42

// surveyAt returns the ratios to survey for a budget of bits per weight.
func surveyAt(bits float64) []float64 {
	var snrs []float64
	for _, d := range surveyed {
		snr := min(max(6.02*bits-1.5+d, leastSurveyed), mostSurveyed)
		if n := len(snrs); n == 0 || snr > snrs[n-1] {
			snrs = append(snrs, snr)
		}
	}
	return snrs
}

// allocationStep is how finely ratios are chosen, in dB.
const allocationStep = 0.05

// choice is one of the ratios that a matrix may get.
type choice struct {
	snr, bytes, error float64
}

// allocate chooses every matrix's rate or ratio so that the files fit Job.Size less
// the margin.
func (c *conversion) allocate(ctx context.Context) error {
	budget := float64(c.job.Size - c.job.margin)
	var free []*plannedTensor
	var weights float64
	for _, t := range c.plan {
		switch {
		case t.sameAs != nil:
		case t.compress() && !t.rate:
			free = append(free, t)
			weights += float64(t.Len())
			budget -= t.storage.overhead(t)
		default:
			budget -= t.storage.estimate(t) + t.storage.overhead(t)
		}
	}
	if len(free) == 0 || budget <= 0 {
		return fmt.Errorf("size %s: what is not to be chosen takes %s: %w", memory.FormatSize(c.job.Size), memory.FormatSizeUp(c.job.Size-int64(budget)), ErrSize)
	}
	if c.job.Allocate == EqualRate || c.job.spreads() {
		return c.equalRate(free, 8*budget, weights)
	}
	if c.choices == nil {
		var err error
		if c.choices, err = c.survey(ctx, free, surveyAt(8*budget/weights)); err != nil {
			return err
		}
	}
	pick := leastError
	if c.job.Allocate == EqualSNR {
		pick = equalSNR
	}
	picked, total := pick(c.choices, budget)
	if picked == nil {
		return fmt.Errorf("size %s: these matrices need %s: %w", memory.FormatSize(c.job.Size), memory.FormatSizeUp(c.job.Size-int64(budget)+int64(total)), ErrSize)
	}
	for i, t := range free {
		t.options.SNR, t.options.Bits = picked[i], 0
	}
	return nil
}

// fitSize allocates again, and converts again what that changes, while the files
// take more than Job.Size: the survey knows rates within a few thousandths, small
// matrices less well.
func (c *conversion) fitSize(ctx context.Context) error {
	for range 4 {
		var total int64
		for _, r := range c.report.Tensors {
			total += r.counted()
		}
		excess := total - c.job.Size
		if c.job.Size == 0 || excess <= 0 {
			return nil
		}
		c.job.margin += excess + excess/8 + c.job.Size/2000
		before := make([]string, len(c.plan))
		for i, t := range c.plan {
			before[i] = t.options.key()
		}
		if err := c.allocate(ctx); err != nil {
			return err
		}
		c.done = c.total - c.src.Bytes() // the survey stays done
		for i, t := range c.plan {
			c.ready[i] = t.options.key() == before[i]
		}
		if err := c.tensors(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: the tensors do not fit %s: %w", c.job.Source, memory.FormatSize(c.job.Size), ErrSize)
}

// counted is what a tensor takes of Job.Size.
func (r *TensorReport) counted() int64 {
	if m := r.Matrix; m != nil && m.InMemory {
		return int64(math.Ceil(m.BitsInMemory * float64(m.Rows) * float64(m.Cols) / 8))
	}
	return r.Bytes
}

// equalRate gives every matrix the same share of the bits.
func (c *conversion) equalRate(free []*plannedTensor, bits, weights float64) error {
	rate := min(bits/weights, 9)
	if rate < 1 {
		return fmt.Errorf("size %s leaves %.2f bits per weight: %w", memory.FormatSize(c.job.Size), rate, ErrSize)
	}
	for _, t := range free {
		bits := rate + float64(8*t.storage.overhead(t))/float64(t.Len()) // Bits counts the file's overhead
		t.options.SNR, t.options.Bits = 0, c.job.spreadRate(bits, t.Name)
	}
	return nil
}

// survey reads every matrix once and returns what it may choose among, by rising
// ratio.
func (c *conversion) survey(ctx context.Context, tensors []*plannedTensor, snrs []float64) ([][]choice, error) {
	for _, t := range tensors {
		c.total += t.Size
	}
	choices := make([][]choice, len(tensors))
	errs := make([]error, len(tensors))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.workers)
	for i, t := range tensors {
		g.Go(func() error {
			choices[i], errs[i] = t.choices(ctx, snrs)
			c.progress(t)
			return errs[i]
		})
	}
	err := g.Wait()
	for i, e := range errs { // the first by name that is not only the echo of another
		if e != nil && !errors.Is(e, context.Canceled) {
			return nil, fmt.Errorf("%s: tensor %q: %w", c.job.Source, tensors[i].Name, e)
		}
	}
	return choices, err
}

// choices surveys one matrix.
func (t *plannedTensor) choices(ctx context.Context, snrs []float64) ([]choice, error) {
	rows, cols := model.MatrixShape(t.Shape)
	o := t.options
	o.Threads = 1
	e := &encoder{ctx: ctx, src: matrix.Of(t, rows, cols), o: o}
	h, err := e.histogram(0)
	if err != nil {
		return nil, err
	}
	options := codebook.Options{Entries: o.Entries, FullPrecision: o.FullPrecision, LongestCode: longestCode(o.Codec)}
	curve, err := codebook.RateCurve(h, snrs, options)
	if err != nil {
		return nil, err
	}
	n := float64(t.Len())
	size := func(bits float64) float64 { return n / 8 * packed(bits) }
	var out []choice
	for i, p := range curve {
		if i == 0 || math.IsInf(p.SNR, 1) {
			out = append(out, choice{min(p.SNR, 120), size(p.Bits), p.Error})
			continue
		}
		low := curve[i-1]
		for snr := low.SNR + allocationStep; snr < p.SNR; snr += allocationStep {
			bits := low.Bits + float64((p.Bits-low.Bits)*(snr-low.SNR)/(p.SNR-low.SNR))
			out = append(out, choice{snr, size(bits), float64(low.Error * detmath.Exp10((low.SNR-snr)/10))})
		}
		out = append(out, choice{p.SNR, size(p.Bits), p.Error})
	}
	if out == nil { // a single value: no bits to choose
		out = []choice{{DefaultSNR, size(0), 0}}
	}
	return out, nil
}

// packed is what indices of that many bits in one Huffman code take in the codec:
// it writes a code table for each piece of a block.
func packed(bits float64) float64 { return float64(bits*1.004) + 0.01 }

// equalSNR returns the highest ratio at which all matrices together fit the budget
// of bytes; those that end before it have their last. If none fits it returns the
// bytes of the lowest.
func equalSNR(choices [][]choice, budget float64) ([]float64, float64) {
	at := func(snr float64) (picked []float64, total float64) {
		for _, cs := range choices {
			best := cs[0]
			for _, c := range cs {
				if c.snr > snr {
					break
				}
				best = c
			}
			picked, total = append(picked, min(best.snr, max(snr, cs[0].snr))), total+best.bytes
		}
		return picked, total
	}
	var fits []float64
	low, high := int(leastSurveyed/allocationStep), int(120/allocationStep)
	for low <= high {
		middle := (low + high) / 2
		if picked, total := at(float64(middle) * allocationStep); total <= budget {
			fits, low = picked, middle+1
		} else {
			high = middle - 1
		}
	}
	if fits == nil {
		_, total := at(0)
		return nil, total
	}
	return fits, 0
}

// leastError returns the ratios of the least sum of errors within the budget of
// bytes. At a price for a byte every matrix chooses for itself what costs least in
// error and bytes together; a higher price makes all of it smaller (Everett 1963;
// Shoham and Gersho 1988). If nothing fits it returns the least bytes there are.
func leastError(choices [][]choice, budget float64) ([]float64, float64) {
	at := func(price float64) (picked []float64, total float64) {
		for _, cs := range choices {
			best := cs[0]
			for _, c := range cs[1:] {
				if c.error+float64(price*c.bytes) < best.error+float64(price*best.bytes) {
					best = c
				}
			}
			picked, total = append(picked, best.snr), total+best.bytes
		}
		return picked, total
	}
	if picked, total := at(0); total <= budget {
		return picked, total
	}
	// Prices lie between those at which all or nothing is bought; the exponent is
	// halved until the interval is narrower than a choice.
	low, high := -60.0, 60.0
	fits, total := at(detmath.Exp10(high))
	if total > budget {
		return nil, total
	}
	for range 40 {
		middle := (low + high) / 2
		if picked, total := at(detmath.Exp10(middle)); total <= budget {
			fits, high = picked, middle
		} else {
			low = middle
		}
	}
	return fits, 0
}
