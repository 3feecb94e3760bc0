package lattice

import (
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
)

// ErrOptions reports options out of range.
var ErrOptions = errors.New("bad options")

// Options say how far to go: either Bits or Step is given. What Lattice says of the file (codec, classes, rows of a block,
// extra header keys) decides its size.
type Options struct {
	Bits     float64 // of the whole file by the number of weights, everything counted; or, InMemory, of the matrix in memory
	InMemory bool
	Step     float64 // c: the error of an output is about c²/12 for each column
	Lattice  cdna.LatticeOptions
	Threads  int // 0: GOMAXPROCS; does not change a bit of the result
}

func (o *Options) check() error {
	if (o.Bits != 0) == (o.Step != 0) {
		return fmt.Errorf("%w: one of bits and step is needed, got %g and %g", ErrOptions, o.Bits, o.Step)
	}
	if v := o.Bits + o.Step; !(v > 0 && v <= math.MaxFloat32) {
		return fmt.Errorf("%w: %g bits, step %g", ErrOptions, o.Bits, o.Step)
	}
	if o.Threads < 0 {
		return fmt.Errorf("%w: %d threads", ErrOptions, o.Threads)
	}
	return nil
}

func threadsOr(n int) int {
	if n == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}

// Result is a quantized matrix and what became of it.
type Result struct {
	Matrix    cdna.LatticeMatrix
	Step      float64           // c
	Sizes     cdna.LatticeSizes // of Matrix with Options.Lattice
	Bits      float64           // a weight: of what Options.Bits counts, the file or the matrix in memory
	Fidelity  codebook.Fidelity // of the weights
	Output    float64           // mean squared error of an output, (W−Ŵ)·Σ·(W−Ŵ)ᵀ's diagonal, Σ without its dead inputs
	OutputSNR float64           // dB: the outputs' own mean square, that of at most 1024 rows, by Output; +Inf if that is 0
	Tries     int               // passes over the sample, and over all rows
}
