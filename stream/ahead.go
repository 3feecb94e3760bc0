package stream

import "github.com/helix-substrate/helix-substrate/cdna"

// While workers unpack and multiply, the system reads the blocks that come next: it is told of readAhead of them before they are
// wanted, aheadStep at a time, so that a disk always has as many requests.
const (
	readAhead = 8
	aheadStep = 4
)

// tellOf tells of what comes readAhead blocks after block i, which is next: where a file's blocks are read in order.
func tellOf(f *cdna.Blocks, i int) {
	if i == 0 {
		f.Ahead(1, readAhead)
	}
	if i%aheadStep == 0 {
		f.Ahead(i+readAhead, i+readAhead+aheadStep)
	}
}

// blockRun is some blocks of a file that follow each other.
type blockRun struct {
	file        *cdna.Blocks // nil for none
	first, last int
}
