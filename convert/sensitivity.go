package convert

import (
	"context"
	"errors"
	"math"

	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/transformer"
)

const (
	// spreadStrength is how much of what the probes say is done. With all of it the divergence on other
	// text is no better than without any, with half of it a quarter less: docs/QUALITY.md.
	spreadStrength = 0.5
	// mostSpread bounds by how many bits a matrix's rate differs from the others'.
	mostSpread = 1.5
)

// spreads tells whether rates follow from what matrices do to the predictions.
func (j *Job) spreads() bool { return j.Allocate == LeastDivergence }

// dropUsual gives up the allocation that nobody has asked for.
func (j *Job) dropUsual() {
	if !j.usual {
		return
	}
	j.Allocate, j.usual = "", false
	if j.Size > 0 {
		j.Allocate = DefaultAllocation
	}
}

// spreadRate is a lattice matrix's rate, where base is what all have.
func (j *Job) spreadRate(base float64, tensor string) float64 {
	if offset := j.offsets[tensor]; offset != 0 {
		return min(max(base+offset, leastRate), mostRate)
	}
	return base
}

// spread measures what each group of matrices, as they are converted now, does to the predictions,
// and moves bits to those that do most for each of their weights. A divergence is nearly the sum of
// the groups', and each of those falls fourfold with a bit: at the least sum, which has the same
// bits, all do the same for a weight.
func (c *conversion) spread(ctx context.Context) error {
	key := c.rateKey()
	probes, known := c.work.probed(key)
	if !known {
		var err error
		probes, err = c.probe(ctx)
		if c.job.usual && errors.Is(err, calibrate.ErrText) {
			c.report.Notes = append(c.report.Notes, "all matrices get the same rate: of so little text none is held out to try them on")
			c.job.Allocate, c.job.usual = EqualRate, false
			return nil
		}
		if c.job.usual && errors.Is(err, transformer.ErrNoHead) {
			c.report.Notes = append(c.report.Notes, "all matrices get the same rate: the model makes vectors of texts and predicts nothing that would tell what each matters")
			c.job.Allocate, c.job.usual = EqualRate, false
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.work.keep(journalLine{Probes: &journalProbes{Key: key, Probes: probes}}); err != nil {
			return err
		}
	}
	weights := map[string]float64{}
	for _, t := range c.plan {
		weights[t.Name] = float64(t.Len())
	}
	c.report.Probes, c.job.offsets = probes, offsets(probes, weights)
	return nil
}

// offsets says by how many bits the rate of each tensor differs from the mean.
func offsets(probes []calibrate.Probe, weights map[string]float64) map[string]float64 {
	const least = 1e-9 // nats: less is no measurement
	logs := make([]float64, len(probes))
	var sum, all float64
	for i, p := range probes {
		n := 0.0
		for _, name := range p.Tensors {
			n += weights[name]
		}
		logs[i] = detmath.Log2(max(p.KLD, least)/n) / 2
		sum, all = sum+float64(n*logs[i]), all+n
	}
	list := map[string]float64{}
	for i, p := range probes {
		offset := min(max(spreadStrength*(logs[i]-sum/all), -mostSpread), mostSpread)
		for _, name := range p.Tensors {
			list[name] = math.Round(256*offset) / 256
		}
	}
	return list
}

// probe tries the lattice matrices that no setting fixes, group by group.
func (c *conversion) probe(ctx context.Context) ([]calibrate.Probe, error) {
	files := map[string]string{}
	for _, t := range c.plan {
		if t.calibrated() && !t.rate && t.sameAs == nil {
			files[t.Name] = t.file
		}
	}
	_, held, err := c.calibration.statistics.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	probes, err := calibrate.Probes(ctx, c.src.Location(), c.calibration.options.Tokens, func(name string) bool { return files[name] != "" })
	if err != nil || len(probes) == 0 {
		return nil, err
	}
	open := func(tensor string) (calibrate.Weights, error) {
		return madeWeights(&model.Tensor{Format: model.FormatLattice, File: files[tensor]}, c.work.path)
	}
	return probes, calibrate.Sensitivities(ctx, c.src.Location(), held, probes, open, c.measuring("trying each group of matrices"))
}
