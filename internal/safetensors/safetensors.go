// Package safetensors reads and writes checkpoints in the safetensors format.
//
// Open opens one file; package checkpoint reads those of several. Everything the
// header says is checked against
// the real file before it is believed. Tensors are then read in windows of any
// size, as float32 or as stored:
//
//	f, err := safetensors.Open("models/tinystories/model.safetensors")
//	if err != nil {
//		return err
//	}
//	defer f.Close()
//	for _, t := range f.Tensors() {
//		row := make([]float32, t.Shape[len(t.Shape)-1])
//		err := t.ReadFloat32(ctx, row, 0)
//		...
//	}
//
// The format: u64 little-endian length of the header, JSON header {name: {dtype,
// shape, data_offsets: [begin, end]}, "__metadata__": {string: string}}, data
// without holes. See https://github.com/huggingface/safetensors.
package safetensors

import (
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// Errors of this package, wrapped with the file's name and the place.
var (
	// ErrTruncated reports a file too short for its header, or shorter than when
	// it was opened.
	ErrTruncated = errors.New("truncated safetensors file")
	// ErrHeader reports a malformed header: its length, its JSON, a name that
	// appears twice.
	ErrHeader = errors.New("bad safetensors header")
	// ErrDType reports an element type that is unknown.
	ErrDType = errors.New("unsupported dtype")
	// ErrShape reports a shape that overflows or does not match the bytes.
	ErrShape = errors.New("bad shape")
	// ErrOffsets reports data that overlaps, leaves holes or lies outside the file.
	ErrOffsets = errors.New("bad data offsets")
	// ErrIndex reports an index of shards that does not match the shards, or a
	// directory in which the checkpoint cannot be told.
	ErrIndex = errors.New("bad safetensors index")
)

// Tensor is one tensor of an open file. Its fields must not be changed; its
// methods are safe for concurrent use.
type Tensor struct {
	Name  string
	DType dtype.Type // all but the types below one byte
	Shape []int      // empty for a scalar
	File  string     // path of the file that holds it

	array dtype.Array
}

// Len returns the number of elements.
func (t *Tensor) Len() int { return t.array.Len }

// Size returns the number of bytes as stored.
func (t *Tensor) Size() int64 { return int64(t.array.Len) * int64(t.DType.Size()) }

// Offset returns the byte offset of element 0 in the file.
func (t *Tensor) Offset() int64 { return t.array.Offset }

// ReadFloat32 fills dst with elements [off, off+len(dst)), row-major, converted
// to float32 (rounded to nearest even where float32 cannot hold them, infinite
// beyond its range). It holds at most 256 KiB beside dst and allocates nothing
// in the long run.
func (t *Tensor) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	return t.wrap(t.array.ReadFloat32(ctx, dst, off))
}

// ReadRaw fills dst with bytes [off, off+len(dst)) of the tensor as stored
// (little-endian).
func (t *Tensor) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	return t.wrap(t.array.ReadRaw(ctx, dst, off))
}

func (t *Tensor) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: tensor %q: %w", t.File, t.Name, truncated(err))
}
