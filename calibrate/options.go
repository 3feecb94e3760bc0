package calibrate

import (
	"errors"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/calibrate/text"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/lattice"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Errors of calibration.
var (
	// ErrText reports a text that says nothing about a model: too short, not UTF-8, or of one
	// token over and over.
	ErrText = errors.New("no text to calibrate with")
	// ErrOption reports options that make no sense.
	ErrOption = transformer.ErrOption
	// ErrOverflow reports a model whose activations on the text are no finite numbers; the
	// message names the layer and the matrix.
	ErrOverflow = transformer.ErrOverflow
	// ErrWork reports a working directory that something else has, or another process.
	ErrWork = errors.New("no directory to work in")
	// ErrStatistics reports a file that is no statistics, or damaged.
	ErrStatistics = errors.New("bad statistics")
	// ErrSource reports statistics of another model.
	ErrSource = errors.New("statistics of another model")
)

const (
	// DefaultContext is the length of windows: what QUANT's figures were measured with.
	DefaultContext = 512
	// MinTokens is the least that a text must have.
	MinTokens = 1024
	// MaxTokens is the most that are read of one.
	MaxTokens = 1 << 24
	// heldOut says that every so manieth window is not summed up.
	heldOut = 8
	// MaxInput is the longest input that gets a Σ.
	MaxInput = lattice.MaxInputs
)

// Options say how a model is calibrated. The statistics depend on Text, Tokens and Context alone.
type Options struct {
	// Text is what the model reads, from the beginning on; nil is text.Default. Dialogue is
	// written by the model's chat template where it has one.
	Text []text.Section
	// Tokens is how many tokens of it are read, at least MinTokens; 0 follows from the model's size
	// (DefaultTokens). A text that has fewer is used whole.
	Tokens int
	// Context is how many tokens a window has, at most 4096 and the model's own; 0 is DefaultContext.
	Context int
	// Work is a directory for what waits between layers, and for what is needed to go on after
	// the end of the process: two files of Tokens × the model's width × 4 bytes, and Σ. It is made if
	// it is not there; nothing in it is touched that a calibration has not made. Empty is
	// .BASE.calibration beside the statistics.
	Work string
	// Memory bounds the whole process, as transformer.Options has it.
	Memory int64
	// Threads is the number of workers, 0 for GOMAXPROCS; CPU forces a kernel level.
	Threads int
	CPU     string
	// Verify says when a model directory's blocks are checked.
	Verify cdna.Policy
	// Progress, if not nil, is called before the first layer and after every window of each.
	Progress func(Progress)
}

// DefaultTokens is how many tokens a model of so many parameters is calibrated with: as many
// for twice the parameters as take √2 of the time, 32768 at 135 million, never less than 4096 or
// more than 32768.
func DefaultTokens(parameters int64) int {
	const most, least, unit = 32768, 4096, 512
	n := int(most*math.Sqrt(135e6/float64(max(parameters, 1)))) / unit * unit
	return min(max(n, least), most)
}

// Check refuses, with ErrOption, options that make no sense for any model, as Run does.
func (o Options) Check() error {
	switch {
	case o.Tokens < 0 || o.Tokens > 0 && o.Tokens < MinTokens || o.Tokens > MaxTokens:
		return fmt.Errorf("%d tokens are not in %d..%d: %w", o.Tokens, MinTokens, MaxTokens, ErrOption)
	case o.Context < 0 || o.Context > 0 && o.Context < 16 || o.Context > 4096:
		return fmt.Errorf("context %d is not in 16..4096: %w", o.Context, ErrOption)
	}
	return transformer.Options{Memory: o.Memory, Threads: o.Threads, Verify: o.Verify}.Check()
}
