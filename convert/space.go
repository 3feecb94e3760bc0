package convert

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/freespace"
	"github.com/helix-substrate/helix-substrate/memory"
)

// ErrSpace reports a disk that has no room for the output.
var ErrSpace = errors.New("not enough disk space")

// checkSpace refuses to begin what the disk has no room for.
func (c *conversion) checkSpace() error {
	var need, largest float64
	for i, t := range c.plan {
		if !c.ready[i] && t.sameAs == nil && !c.isOthers(i) {
			need += t.storage.estimate(t)
			largest = max(largest, float64(t.Size))
		}
	}
	if k := c.calibration; k != nil && k.statistics == nil {
		need += float64(k.bytes)
	}
	if c.job.Remote { // tensors at work lie in files meanwhile
		need += float64(c.workers) * largest
	}
	free, err := freespace.At(c.dir)
	if err != nil || need <= float64(free) { // a system that cannot tell stops nobody
		return nil
	}
	return fmt.Errorf("%s: the rest needs about %s, %s are free: %w", c.work.output, memory.FormatSizeUp(int64(need)), memory.FormatSize(free), ErrSpace)
}
