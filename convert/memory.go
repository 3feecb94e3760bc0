package convert

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/memory"
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
		n := t.storage.memory(t, c.job.Size > 0)
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

// threadsEach is how many threads a tensor's conversion has: one, unless tensors are fewer
// than workers.
func (c *conversion) threadsEach() int { return max(1, c.workers/len(c.plan)) }
