package transformer

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// source gives a model's configuration and its tensors by Hugging Face name.
type source interface {
	config() (*Config, error)
	has(name string) bool
	// shape returns a tensor's shape, false if there is none of this name. What the
	// other methods read has the same.
	shape(name string) ([]int, bool)
	// matrix opens a tensor for products. Dense tensors are read whole, embeddings
	// too: dense models are a reference, not made to be small.
	matrix(e *stream.Engine, name string) (Projection, error)
	// size returns what a matrix takes, without reading its blocks.
	size(name string) (size, error)
	// vector reads a small tensor, widened to float32.
	vector(name string) ([]float32, error)
	// same tells whether two tensors have the same shape and values.
	same(ctx context.Context, a, b string) (bool, error)
	close() error
}

// size is a compressed matrix's open file, which the caller closes, and what its
// sidecar holds, if it has one; or the memory that a dense matrix takes.
type size struct {
	file     stream.File // nil if the matrix is dense
	outliers int
	sidecar  int64 // bytes of the sidecar's file
	dense    int64
}

// openSource tells a model directory, whose hashes are checked as verify says, from
// checkpoints of other kinds.
func openSource(path string, verify cdna.Policy) (source, error) {
	path, err := checkpoint.Locate(path)
	if err != nil {
		return nil, err
	}
	if model.IsModel(path) {
		return openCompressed(path, verify)
	}
	return openDense(path)
}

// maxConfig bounds config.json: real ones have a few kB.
const maxConfig = 1 << 24

// parseConfigOf parses the config.json of what is called name.
func parseConfigOf(name string, text []byte) (*Config, error) {
	c, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}
