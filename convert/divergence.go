package convert

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/evaluate"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/model"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// ErrKLD reports a Job.KLD that no rate reaches.
var ErrKLD = errors.New("divergence out of reach")

const (
	// leastRate and mostRate bound what is tried for a divergence, in bits a weight. With more the
	// rest of a model, such as embeddings in codebooks, is what is left of it.
	leastRate, mostRate = 1.5, 9
	// mostTries is how many rates are tried; two or three find it as a rule.
	mostTries = 6
	// slowTries of which none will do are followed by longer steps.
	slowTries = 3
	// kldTolerance is by how much of the wanted divergence one may stay below it: 3 % are 0.02 bits.
	kldTolerance = 0.03
	// rateUnit is what rates are multiples of: a hundredth of the size at 4 bits is 2.6 of them.
	rateUnit = 1.0 / 64
	// nearRates are too near each other to tell how a divergence falls: on a few hundred tokens it goes
	// up and down by some percent.
	nearRates = 0.25
)

// RatePoint is a rate that was tried, and what it costs.
type RatePoint struct {
	Rate        float64           `json:"rate"`  // of lattice matrices that no setting fixes, bits a weight
	Bytes       int64             `json:"bytes"` // of all tensors' files
	Certificate model.Certificate `json:"certificate"`
}

// firstRate is where the search begins: what a model of 135 million parameters wants, measured.
func firstRate(kld float64) float64 {
	return roundRate(5 - float64(0.5*detmath.Log2(kld/0.018)))
}

// roundRate rounds a rate up to one that is tried.
func roundRate(rate float64) float64 {
	return min(max(math.Ceil(rate/rateUnit)*rateUnit, leastRate), mostRate)
}

// setRate gives the lattice matrices that no setting fixes another rate.
func (c *conversion) setRate(rate float64) {
	c.job.latticeBits, c.job.headBits = rate, min(rate+DefaultHeadBits-DefaultBits, mostRate)
	for _, t := range c.plan {
		if t.calibrated() && !t.rate {
			t.base = c.job.rateOf(t.Name)
			t.options.Bits = c.job.spreadRate(t.base, t.Name)
		}
	}
}

// rateOf is the rate of a lattice matrix that no option and no setting gives one.
func (j *Job) rateOf(tensor string) float64 {
	if role := arch.RoleOf(tensor); role == arch.Head || role == arch.Embedding {
		return j.headBits
	}
	return j.latticeBits
}

// fitDivergence converts with the least rate that holds Job.KLD. The logarithm of a divergence falls
// about 2 bits for one of the rate, which a secant makes use of.
func (c *conversion) fitDivergence(ctx context.Context) error {
	s := search{wanted: c.job.KLD, low: point{rate: 0, log: math.Inf(1)}, high: point{rate: math.Inf(1), log: math.Inf(-1)}}
	var reference *calibrate.Reference
	rate, converted := c.job.latticeBits, 0.0
	if c.job.spreads() {
		if err := c.spreadEqual(ctx); err != nil {
			return err
		}
	}
	defer func() { c.trial = "" }()
	for try := range mostTries {
		c.setRate(rate)
		c.trial = fmt.Sprintf("try %d, at %.3f bits: ", try+1, rate)
		p, known := c.work.measured(c.rateKey())
		if !known {
			var err error
			if err = c.convertAgain(ctx); err != nil {
				return err
			}
			if reference == nil {
				if reference, err = c.reference(ctx); err != nil {
					return err
				}
			}
			if p, err = c.measure(ctx, reference); err != nil {
				return err
			}
			converted = rate
		}
		c.report.Rates = append(c.report.Rates, p)
		if s.take(rate, p) {
			break
		}
		if rate = s.next(); rate == 0 {
			break
		}
	}
	if s.best == nil {
		return fmt.Errorf("kld %g: %.3g is reached, at %.3g bits a weight: %w", c.job.KLD, s.least.Certificate.MeanKLD, s.least.Rate, ErrKLD)
	}
	c.certificate = &s.best.Certificate
	if c.setRate(s.best.Rate); converted != s.best.Rate {
		return c.convertAgain(ctx)
	}
	return nil
}

// convertAgain converts the tensors whose options have changed.
func (c *conversion) convertAgain(ctx context.Context) error {
	keys := c.keys()
	for i, t := range c.plan {
		if t.sameAs != nil {
			continue
		}
		e, ok, err := c.work.find(ctx, keys[i])
		if err != nil {
			return err
		}
		if c.ready[i] = ok; ok {
			c.entries[i], c.report.Tensors[i] = e.Entry, e.Report
		}
	}
	c.done = 0
	return c.tensors(ctx)
}

// rateKey tells all that a divergence depends on.
func (c *conversion) rateKey() string {
	return checksum([]byte(strings.Join(c.keys(), "\n")))
}

// reference runs the source over the windows that the statistics left out.
func (c *conversion) reference(ctx context.Context) (*calibrate.Reference, error) {
	_, held, err := c.calibration.statistics.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	defer c.keepLimit()
	return calibrate.NewReference(ctx, c.src.Location(), held, c.measuring("measuring the divergence"))
}

// measuring are the options for a model that runs layer by layer, of which the job's Progress hears.
func (c *conversion) measuring(what string) calibrate.Options {
	o := c.calibration.options
	o.Progress = func(p calibrate.Progress) {
		if c.job.Progress == nil {
			return
		}
		left := ""
		if p.Left > 0 {
			left = fmt.Sprintf(", %v to come", max(time.Second, p.Left.Round(time.Second)))
		}
		c.job.Progress(c.done, c.total, fmt.Sprintf("%s%s, layer %d of %d%s", c.trial, what, p.Layer+1, p.Layers, left))
	}
	return o
}

// measure says how far the directory as it is now is from its source, and notes it in the journal.
func (c *conversion) measure(ctx context.Context, reference *calibrate.Reference) (RatePoint, error) {
	m, err := c.writeManifest(ctx)
	if err != nil {
		return RatePoint{}, err
	}
	defer c.keepLimit()
	at, err := checkpoint.At(ctx, place.Dir(c.work.dir), c.job.Output)
	if err != nil {
		return RatePoint{}, err
	}
	d, err := reference.Divergence(ctx, at)
	if err != nil {
		return RatePoint{}, err
	}
	p := RatePoint{Rate: c.job.latticeBits, Bytes: m.Stats.CompressedBytes, Certificate: c.calibration.certificate(d)}
	return p, c.work.keep(journalLine{Rate: &journalRate{Key: c.rateKey(), Point: p}})
}

// measureAgain gives the manifest built the certificate that the directory's model gets now, if it has
// one and its tensors are those of the source.
func (c *conversion) measureAgain(ctx context.Context, m *model.Model, built *model.Manifest, checks []model.Check) error {
	if m.Manifest.Certificate == nil || slices.ContainsFunc(checks, func(c model.Check) bool { return c.Err != nil }) {
		return nil
	}
	reference, err := c.reference(ctx)
	if err != nil {
		return err
	}
	at, err := checkpoint.Find(ctx, m.Dir)
	if err != nil {
		return err
	}
	d, err := reference.Divergence(ctx, at)
	if err != nil {
		return err
	}
	certificate := c.calibration.certificate(d)
	built.Certificate = &certificate
	return nil
}

// certificate puts a divergence on record.
func (k *calibration) certificate(d *evaluate.DivergenceResult) model.Certificate {
	return model.Certificate{
		MeanKLD: d.MeanKLD, P99KLD: d.P99KLD, P999KLD: d.P999KLD, SameTop: d.SameTop, Tokens: d.Tokens,
		Context: k.statistics.Context, TextSHA256: k.statistics.Text,
	}
}

// search looks for the least rate whose divergence is no more than wanted.
type search struct {
	wanted      float64
	low, high   point    // the highest rate that is too low, the lowest that will do
	last        [2]point // the two tried last
	tried       int
	best, least *RatePoint // of those that will do the smallest; of all the one of least divergence
}

// point is a rate and the logarithm, base 2, of its divergence.
type point struct{ rate, log float64 }

// take notes a rate's outcome; true where it is near enough.
func (s *search) take(rate float64, p RatePoint) bool {
	kld := p.Certificate.MeanKLD
	at := point{rate, detmath.Log2(max(kld, 1e-12))}
	s.last, s.tried = [2]point{at, s.last[0]}, s.tried+1
	if s.least == nil || kld < s.least.Certificate.MeanKLD {
		s.least = &p
	}
	if kld > s.wanted {
		if rate > s.low.rate {
			s.low = at
		}
		return false
	}
	if rate < s.high.rate {
		s.high, s.best = at, &p
	}
	return kld >= s.wanted*(1-kldTolerance)
}

// next is the rate to try, 0 where there is none between those that were.
func (s *search) next() float64 {
	slope := -2.0
	if a, b := s.last[0], s.last[1]; s.tried > 1 && math.Abs(a.rate-b.rate) >= nearRates {
		slope = min(max((a.log-b.log)/(a.rate-b.rate), -4), -0.5)
	}
	aim := detmath.Log2(s.wanted * (1 - kldTolerance/3))
	rate := roundRate(s.last[0].rate + float64((aim-s.last[0].log)/slope))
	if s.best == nil && s.tried >= slowTries { // near what no rate goes below it falls far less, and ever shorter steps would end too soon
		rate = max(rate, min(s.low.rate+math.Ldexp(nearRates, 2*(s.tried-slowTries)), mostRate))
	}
	if rate <= s.low.rate || rate >= s.high.rate {
		rate = roundRate((max(s.low.rate, leastRate) + min(s.high.rate, mostRate)) / 2)
		if s.low.rate == 0 { // nothing was too little yet
			rate = leastRate
		} else if math.IsInf(s.high.rate, 1) {
			rate = mostRate
		}
	}
	if rate <= s.low.rate || rate >= s.high.rate || s.high.rate-s.low.rate <= 2*rateUnit {
		return 0
	}
	return rate
}
