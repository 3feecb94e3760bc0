package transformer

import (
	"context"
	"errors"

	"github.com/helix-substrate/helix-substrate/stream"
)

// ErrWeights reports weights that are missing or disagree with the configuration.
var ErrWeights = errors.New("weights do not fit the configuration")

// Projection is a matrix W [rows, cols] that activations are multiplied by: a
// stream.Matrix or stream.Lossless, resident or streamed, or a stream.Dense.
type Projection interface {
	Rows() int
	Cols() int
	// RowsDot computes y[v] = W[a:b] @ x[v] for a batch of vectors.
	RowsDot(ctx context.Context, y, x []float32, a, b int) (stream.Stats, error)
	// Floats writes the weights of rows [a, b) to dst.
	Floats(dst []float32, a, b int) error
}

// Linear is a projection, or some of its rows, with an optional bias.
type Linear struct {
	W           Projection
	First, Rows int       // the rows of W used, all of them unless several share W
	Bias        []float32 // of length Rows, or nil
}

// apply computes y[v] = W x[v] + bias for a batch of vectors.
func (l *Linear) apply(ctx context.Context, y, x []float32) error {
	if _, err := l.W.RowsDot(ctx, y, x, l.First, l.First+l.Rows); err != nil {
		return err
	}
	if l.Bias != nil {
		for v := 0; v < len(y); v += l.Rows {
			for i, b := range l.Bias {
				y[v+i] += b
			}
		}
	}
	return nil
}
