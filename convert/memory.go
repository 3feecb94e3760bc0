package convert

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/model"
)

// ErrMemory reports a Job.Memory in which not even one tensor can be converted.
var ErrMemory = errors.New("not enough memory")

// What converting takes besides the rows at work, as measured.
const (
	// programMemory is the program itself, and what the collector leaves lying.
	programMemory = 32 << 20
	// designMemory is a histogram with the sums that designs work on.
	designMemory = 24 << 20
	// remoteMemory is the window that a repository is read through, and connections.
	remoteMemory = 40 << 20
)

// fitWorkers returns how many tensors are converted at once: one for each thread,
// fewer where Job.Memory has no room for that many of the largest.
func (c *conversion) fitWorkers() (int, error) {
	var most int64
	var largest *plannedTensor
	for _, t := range c.plan {
		n := t.memory()
		if c.job.Entropy {
			n += entropyMemory
		}
		if n > most {
			most, largest = n, t
		}
	}
	if c.job.Memory == 0 {
		return c.options.Threads, nil
	}
	fixed := int64(programMemory)
	if c.job.Remote {
		fixed += remoteMemory
	}
	if fit := (c.job.Memory - fixed) / max(1, most); fit > 0 {
		return int(min(fit, int64(c.options.Threads))), nil
	}
	return 0, fmt.Errorf("memory %s: tensor %q needs %s: %w", byteunit.Format(c.job.Memory), largest.Name,
		byteunit.FormatUp(fixed+most), ErrMemory)
}

// memory is the most that converting the tensor with one worker holds.
func (t *plannedTensor) memory() int64 {
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
	if t.options.Bits > 0 {
		n += 6*min(sampleWeights+block, int64(rows)*int64(cols)) + 4*block
	}
	return n
}
