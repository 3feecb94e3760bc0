package helix

import (
	"context"

	"github.com/helix-substrate/helix-substrate/internal/npy"
)

// ReadTensor reads the array of the .npy file at path. Values that float32 does not hold
// exactly are rounded, which note says, for people; else it is "". A value beyond float32's
// range is an error.
func ReadTensor(ctx context.Context, path string) (t Tensor, note string, err error) {
	t.Data, t.Shape, note, err = npy.ReadRounded(ctx, path)
	return t, note, err
}

// WriteTensor writes a tensor to the .npy file at path, which appears when it is whole.
func WriteTensor(path string, t Tensor) error { return npy.Create(path, t.Shape, t.Data) }
