package convert

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
)

// ErrMemory reports a Job.Memory in which not even one tensor can be converted.
var ErrMemory = memory.ErrLimit

// What converting takes besides the rows at work, as measured.
const (
	// designMemory is a histogram with the sums that designs work on.
	designMemory = 24 << 20
	// remoteMemory is the window that a repository is read through, and connections.
	remoteMemory = 40 << 20
	// entryMemory is a tensor's place in the plan, the journal, the manifest and the
	// report.
	entryMemory = 8 << 10
)

// fitWorkers returns how many tensors are converted at once: one for each thread,
// fewer where the limit has no room for that many of the largest.
func (c *conversion) fitWorkers(limit memory.Limit) (int, error) {
	var most int64
	var largest *plannedTensor
	for _, t := range c.plan {
		n := t.memory(c.job.Size > 0)
		if c.job.Entropy {
			n += entropyMemory
		}
		if n > most {
			most, largest = n, t
		}
	}
	if limit.Source == memory.None {
		return c.options.Threads, nil
	}
	later := entryMemory * int64(len(c.plan))
	if c.job.Remote {
		later += remoteMemory
	}
	fixed := memory.Share(memory.Held(), later)
	each := most + most/8 // what one leaves behind is garbage until it is collected
	if fit := (limit.Bytes - fixed) / max(1, each); fit > 0 {
		return int(min(fit, int64(c.options.Threads))), nil
	}
	return 0, limit.TooSmall(fmt.Sprintf("for tensor %q", largest.Name), fixed+each)
}

// memory is the most that converting the tensor with one worker holds. Where the size of
// all is given, a rate is chosen for it, which is measured.
func (t *plannedTensor) memory(sized bool) int64 {
	if !t.compress() {
		return 5 * chunkWeights
	}
	rows, cols := model.MatrixShape(t.Shape)
	blockRows := t.options.BlockRows
	if blockRows == 0 {
		blockRows = cdna.AutoBlockRows(rows, cols)
	}
	chunk := 5 * int64(max(1, chunkWeights/cols)) * int64(cols) // weights and indices
	if t.options.Method == Lossless {
		block := int64(min(blockRows, rows)) * int64(cols) * int64(t.Type.Size())
		return 4*chunkWeights + 6*block // of the blocks: filling, planes, packing, packed, and room to grow
	}
	block := int64(min(blockRows, rows)) * int64(cols)
	n := designMemory + 2*chunk + 4*block // of the blocks: filling, packing, packed, and room to grow
	if t.options.Bits > 0 || sized {
		n += 9*min(sampleWeights+block, int64(rows)*int64(cols)) + 4*block // the sample, its indices, packed; as measured
	}
	return n
}
