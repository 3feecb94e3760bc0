package convert

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/model"
)

// Maker has tensors converted elsewhere, such as by other machines. [Worker] is what makes them there.
type Maker interface {
	// Statistics is called before items that need them: the file, and its SHA-256.
	Statistics(ctx context.Context, path, sum string) error
	// Expect is called before so many items: those of a round, of which the last are made before the next round begins;
	// and what has to be made once more in it.
	Expect(items int)
	// Make has an item made, and its files written to the paths that stage gives their names. It may take
	// as long as it takes; an error ends the conversion. It is called for all items at once.
	Make(ctx context.Context, item Item, stage func(file string) string) (*Made, error)
}

// checkMaker refuses what other machines cannot make, by name.
func (j *Job) checkMaker() error {
	if j.Maker != nil && j.CorrectDrift {
		return fmt.Errorf("correct-drift: each matrix depends on those before it, so that workers have nothing to share: %w", ErrOption)
	}
	return nil
}

// passOn gives the maker what it will need.
func (c *conversion) passOn(ctx context.Context) error {
	if k := c.calibration; c.job.Maker != nil && k != nil && k.statistics != nil {
		return c.job.Maker.Statistics(ctx, c.statisticsPath(), k.sum)
	}
	return nil
}

// turn waits for one of the machine's own turns, of as many as there are workers, which ends with the function returned.
func (c *conversion) turn(ctx context.Context) (end func(), err error) {
	select {
	case c.turns <- struct{}{}:
		return func() { <-c.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// elsewhere has a tensor made by the maker, after one of the machine's own turns has read what it is of.
func (c *conversion) elsewhere(ctx context.Context, t *plannedTensor) (entry model.Tensor, report TensorReport, err error) {
	if c.cut(t) != nil {
		return c.inParts(ctx, t)
	}
	end, err := c.turn(ctx)
	if err != nil {
		return entry, report, err
	}
	item, err := c.item(ctx, t)
	end()
	if err != nil {
		return entry, report, err
	}
	made, err := c.job.Maker.Make(ctx, item, c.stage)
	if err == nil {
		err = item.Check(made)
	}
	if err != nil {
		return entry, report, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	made.named()
	if err := made.CheckFiles(ctx, c.stage); err != nil {
		return entry, report, err
	}
	return made.Entry, made.Report, nil
}

// CheckFiles compares the tensor's files, at the paths that path gives their names, with what m says of them: ErrItem.
func (m *Made) CheckFiles(ctx context.Context, path func(file string) string) error {
	for name, want := range m.Files() {
		sum, _, err := model.HashFile(ctx, path(name))
		if err != nil {
			return err
		}
		if sum != want {
			return fmt.Errorf("tensor %q: %s has sha256 %s, not %s: %w", m.Name, name, sum, want, ErrItem)
		}
	}
	return nil
}

// limitTensors bounds how many tensors are converted at once: here by memory, elsewhere not.
func (c *conversion) limitTensors(g *errgroup.Group) {
	if c.job.Maker == nil {
		g.SetLimit(c.workers)
		return
	}
	c.turns = make(chan struct{}, c.workers)
	items := 0
	for i, t := range c.plan {
		if t.sameAs == nil && !c.ready[i] {
			items += c.items(t)
		}
	}
	c.job.Maker.Expect(items)
}
