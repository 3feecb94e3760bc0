package transformer

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// source gives a model's configuration and its tensors by Hugging Face name.
type source interface {
	config(ctx context.Context) (*arch.Config, error)
	has(name string) bool
	// names are those that the files have of all tensors.
	names() iter.Seq[string]
	// stored is what the files call a tensor.
	stored(name string) string
	// shape returns a tensor's shape, false if there is none of this name. What the
	// other methods read has the same.
	shape(name string) ([]int, bool)
	// matrix opens a tensor for products. Dense tensors are read whole, embeddings
	// too: dense models are a reference, not made to be small.
	matrix(ctx context.Context, e *stream.Engine, name string) (stream.Matrix, error)
	// rows opens a matrix of which only single rows are read: a dense one stays where it is.
	rows(ctx context.Context, e *stream.Engine, name string) (rows, error)
	// size returns what a matrix takes, without reading its blocks.
	size(ctx context.Context, name string) (size, error)
	// vector reads a small tensor, widened to float32.
	vector(ctx context.Context, name string) ([]float32, error)
	// same tells whether two tensors have the same shape and values.
	same(ctx context.Context, a, b string) (bool, error)
	// experts returns the root of a model directory, "" for what is none, and what its manifest says of how often experts
	// are used; nil for nothing.
	experts() (root string, use *model.ExpertUse)
	close() error
}

// rows are a matrix's weights, read a few rows at a time: Floats and Close are
// stream.Matrix's.
type rows interface {
	Floats(ctx context.Context, dst []float32, a, b int) error
	Close() error
}

// size is what a compressed matrix's file holds, which is open and the caller's to close,
// and its sidecar, if it has one; or the memory that a dense matrix takes.
type size struct {
	file     blockFile // nil if the matrix is dense
	layout   stream.Layout
	outliers int
	sidecar  int64 // bytes of the sidecar's file
	dense    int64
}

// blockFile is an open file of a matrix in blocks.
type blockFile interface {
	io.Closer
	Base() *cdna.Blocks
}

// openSource tells a model directory, whose hashes are checked as verify says, from
// checkpoints of other kinds.
func openSource(ctx context.Context, at checkpoint.Location, verify cdna.Policy) (source, error) {
	if at.Converted() {
		return openCompressed(ctx, at, at.Policy(verify))
	}
	return openDense(ctx, at)
}

// described is what sources have in common: how the files say what the model is, and what they
// call its tensors.
type described struct {
	name     string              // of the source
	metadata checkpoint.Metadata // of a GGUF file; nil: config.json says it all
	read     func(ctx context.Context, name string, limit int64) ([]byte, error)
	there    func(stored string) bool
	all      iter.Seq[string] // tensors, as they are stored
	gguf     *arch.Config     // of a GGUF file, once it is read
}

func (s *described) names() iter.Seq[string] { return s.all }

// parse reads the configuration; tensors have the names of the files. Callers name the source in errors.
func (s *described) parse(ctx context.Context, tensors arch.Tensors) (*arch.Config, error) {
	if s.metadata == nil {
		text, err := s.read(ctx, "config.json", arch.MaxConfig)
		if err != nil {
			return nil, err
		}
		return arch.ParseConfig(text)
	}
	c, err := arch.FromGGUF(s.metadata, tensors)
	if name := s.metadata.Name(); err != nil && name != s.name {
		return nil, fmt.Errorf("%s: %w", name, err)
	} else if err != nil {
		return nil, err
	}
	s.gguf = c
	return c, nil
}

// stored is what the files call a tensor.
func (s *described) stored(name string) string {
	switch {
	case s.gguf != nil:
		return s.gguf.GGUFName(name)
	case s.metadata != nil:
		return arch.GGUFName(name, false)
	}
	return arch.StoredName(name, s.there)
}

func (s *described) has(name string) bool { return s.there(s.stored(name)) }

// matrices lists the matrices that a model of this configuration has, each once, in the
// order of use.
func matrices(c *arch.Config, src source) []arch.Weight {
	return slices.DeleteFunc(c.Weights(src.has), func(w arch.Weight) bool { return w.IsVector() })
}
