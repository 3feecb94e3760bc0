// Package torch reads PyTorch checkpoints (.bin, .pth, .pt) without running them.
//
// torch.save writes a zip archive with one pickle, a program that builds Python
// objects, and one file of raw numbers for each storage. This package runs the
// pickle on a machine that can build tensors and plain values only: whatever else
// a pickle names ("builtins.eval", "posix.system", a class of the model) is
// refused with ErrGlobal.
//
//	f, err := torch.Open("models/pytorch_model.bin")
//	if err != nil {
//		return err
//	}
//	defer f.Close()
//	for _, t := range f.Tensors() {
//		rows := make([]float32, 64*t.Shape[len(t.Shape)-1])
//		err := t.ReadFloat32(ctx, rows, 0)
//		...
//	}
//
// # Names
//
// A checkpoint may wrap the model's state dictionary. As long as a dictionary has
// another one with tensors in it under "state_dict", "model_state_dict", "model" or
// "module" (the first of these), only that one is looked at, and the key is no part
// of the tensors' names; what lies beside it (an optimizer's state, an average) is
// not listed. From there on a name is the keys
// and positions on the way, joined by dots: {"a": {"b": T}, "c": [T, T]} has "a.b",
// "c.0" and "c.1". A tensor that was saved alone is "tensor". Numbers, strings, None
// and the like are passed over.
//
// # Format
//
// An uncompressed zip archive, whose entries lie in one folder: data.pkl, the
// pickle; data/KEY, the storages; byteorder, "little" or "big". A tensor is a view
// of a storage: offset, shape and strides, in elements. Since PyTorch 1.6; see
// torch/serialization.py and torch/_utils.py. What older versions wrote is
// ErrLegacy.
package torch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// Errors of this package, wrapped with the file's name and the place.
var (
	// ErrFormat reports a file that is no checkpoint, or one whose archive is
	// malformed: compressed, with a name twice, with entries that overlap.
	ErrFormat = errors.New("not a PyTorch checkpoint")
	// ErrLegacy reports what PyTorch wrote before 1.6. The remedy is to load and
	// save it again with a newer one.
	ErrLegacy = errors.New("PyTorch checkpoint in the format before 1.6 (load it with PyTorch and torch.save it again)")
	// ErrTruncated reports a file cut short, or shorter than when it was opened.
	ErrTruncated = errors.New("truncated PyTorch checkpoint")
	// ErrPickle reports a pickle that is malformed or beyond the limits.
	ErrPickle = errors.New("bad pickle")
	// ErrGlobal reports a pickle that names a Python object which is neither a
	// tensor nor a plain value. The remedy is to save the state_dict alone.
	ErrGlobal = errors.New("refused Python object")
	// ErrUnsupported reports a tensor of a kind that cannot be read: quantized,
	// sparse, complex.
	ErrUnsupported = errors.New("unsupported tensor")
	// ErrStorage reports a storage that is missing or has another size than the
	// pickle tells.
	ErrStorage = errors.New("bad storage")
	// ErrShape reports a tensor whose shape, strides and offset do not lie within
	// its storage.
	ErrShape = errors.New("bad shape")
	// ErrIndex reports an index of shards that does not match the shards, or a
	// directory in which the checkpoint cannot be told.
	ErrIndex = errors.New("bad PyTorch index")
)

// Tensor is one tensor of an open file. Its fields must not be changed; its
// methods are safe for concurrent use.
type Tensor struct {
	Name  string
	DType dtype.Type
	Shape []int  // empty for a scalar
	File  string // path of the file that holds it

	view *view
	r    io.ReaderAt
}

// Len returns the number of elements.
func (t *Tensor) Len() int { return t.view.n }

// Size returns the number of bytes of its elements.
func (t *Tensor) Size() int64 { return int64(t.view.n) * int64(t.DType.Size()) }

// ReadFloat32 fills dst with elements [off, off+len(dst)), row-major, converted
// to float32 (rounded to nearest even where float32 cannot hold them, infinite
// beyond its range). It holds at most 256 KiB beside dst and allocates nothing in
// the long run.
func (t *Tensor) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	if t.view.contiguous() {
		array := t.array()
		return t.wrap(array.ReadFloat32(ctx, dst, off))
	}
	return t.wrap(t.view.readFloat32(ctx, t.r, dst, off))
}

// ReadRaw fills dst with bytes [off, off+len(dst)) of the elements, row-major and
// little-endian, wherever and however they are stored.
func (t *Tensor) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	if t.view.contiguous() && !t.view.storage.swapped() {
		array := t.array()
		return t.wrap(array.ReadRaw(ctx, dst, off))
	}
	return t.wrap(t.view.readRaw(ctx, t.r, dst, off))
}

// array is a contiguous tensor's place in the file.
func (t *Tensor) array() dtype.Array {
	s := t.view.storage
	return dtype.Array{
		File: t.r, Offset: s.offset + t.view.start*int64(t.DType.Size()), Len: t.view.n,
		Type: t.DType, BigEndian: s.bigEndian,
	}
}

func (t *Tensor) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: tensor %q: %w", t.File, t.Name, truncated(err))
}

// truncated adds ErrTruncated to an unexpected end of file.
func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return err
}
