package stream

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

var (
	// ErrShape reports an X whose shape does not fit the matrix, or rows outside it.
	ErrShape = errors.New("shape mismatch")
	// ErrOption reports options that make no sense.
	ErrOption = errors.New("invalid option")
	// ErrLevel reports kernels, asked for by EngineOptions.CPU or HELIX_CPU, that this
	// machine does not have.
	ErrLevel = kernel.ErrLevel
)

// Tensor is a row-major float32 array of one, two or three dimensions.
type Tensor struct {
	Shape []int
	Data  []float32
}

// batch returns how many vectors of length n the tensor holds: the product of
// its leading dimensions.
func (t Tensor) batch(n int) (int, error) {
	if d := len(t.Shape); d < 1 || d > 3 {
		return 0, fmt.Errorf("x has %d dimensions, want 1, 2 or 3: %w", d, ErrShape)
	}
	last := t.Shape[len(t.Shape)-1]
	if last != n {
		return 0, fmt.Errorf("x has shape %v, its last dimension must be %d: %w", t.Shape, n, ErrShape)
	}
	size := 1
	for _, d := range t.Shape {
		if d < 0 || (d > 0 && size > len(t.Data)/d) {
			return 0, fmt.Errorf("x has shape %v but %d values: %w", t.Shape, len(t.Data), ErrShape)
		}
		size *= d
	}
	if size != len(t.Data) {
		return 0, fmt.Errorf("x has shape %v but %d values: %w", t.Shape, len(t.Data), ErrShape)
	}
	if n == 0 {
		return 0, fmt.Errorf("x has shape %v: %w", t.Shape, ErrShape)
	}
	return size / n, nil
}

// withLast returns a zeroed tensor of x's leading dimensions and last dimension n.
func (t Tensor) withLast(n, batch int) Tensor {
	shape := append([]int(nil), t.Shape...)
	shape[len(shape)-1] = n
	return Tensor{Shape: shape, Data: make([]float32, batch*n)}
}
