package convert

import (
	"errors"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/internal/freespace"
)

// ErrSpace reports a disk that has no room for the output.
var ErrSpace = errors.New("not enough disk space")

// checkSpace refuses to begin what the disk has no room for.
func (c *conversion) checkSpace() error {
	var need, largest float64
	for i, t := range c.plan {
		if !c.ready[i] && t.sameAs == nil {
			need += t.estimate()
			largest = max(largest, float64(t.Size))
		}
	}
	if c.job.Remote { // tensors at work lie in files meanwhile
		need += float64(c.workers) * largest
	}
	free, err := freespace.At(c.dir)
	if err != nil || need <= float64(free) { // a system that cannot tell stops nobody
		return nil
	}
	return fmt.Errorf("%s: the rest needs about %s, %s are free: %w", c.work.output, byteunit.FormatUp(int64(need)), byteunit.Format(free), ErrSpace)
}

// estimate is about how many bytes the tensor's files take. An entropy-coded even
// grid needs log2 of the range it resolves: 6.02 dB a bit, and a quarter of a bit
// (Gish and Pierce 1968), for Gaussian weights; others need less.
func (t *plannedTensor) estimate() float64 {
	n := float64(t.Len())
	switch o := t.options; {
	case !t.compress():
		return math.Max(4*n, float64(t.Size))
	case o.Method == Lossless:
		return float64(t.Size) // less, but for how much less nobody vouches
	case o.Bits > 0:
		return n / 8 * min(o.Bits, 9)
	case o.SNR > 0:
		return n / 8 * min(max(o.SNR, o.MinSNR)/6.02+0.3, 8.1)
	}
	return n * 1.01
}
