package convert

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/model"
)

// exactly stores tensors in .npy files without loss: what is no matrix of floating-point
// numbers, and what the job wants kept.
type exactly struct{}

func (exactly) format() string { return model.FormatNPY }

func (exactly) files(t *checkpoint.Tensor, names fileNames, ofGGUF bool) (file, sidecar string, err error) {
	if exactType(t).npy == "" {
		return "", "", fmt.Errorf("tensor %q has dtype %s: %w", t.Name, t.DType, ErrDType)
	}
	if file = names.exact(t.Name); ofGGUF { // both names are taken then
		file = names.matrix(t.Name)
	}
	return file + ".npy", "", nil
}

func (exactly) memory(*plannedTensor, bool) int64 { return 5 * chunkWeights }

func (exactly) estimate(t *plannedTensor) float64 {
	return max(4*float64(t.Len()), float64(t.Size))
}

func (exactly) overhead(*plannedTensor) float64 { return 128 } // the header of a .npy

func (exactly) store(ctx context.Context, c *conversion, t *plannedTensor, entry *model.Tensor) (*MatrixReport, error) {
	entry.Shape, entry.DType = t.Shape, exactType(t.Tensor).npy
	var err error
	if t.damaged, err = writeExact(ctx, c.stage(t.file), t.Tensor); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return nil, nil
}

// npyType is the .npy type that holds a tensor without loss, and whether with the
// source's own bytes.
type npyType struct {
	npy string
	raw bool
}

// exactTypes are those of stored elements. NumPy has no bfloat16 and no float8;
// float32 holds all their values.
var exactTypes = map[dtype.Type]npyType{
	dtype.F64: {"<f8", true}, dtype.F32: {"<f4", true}, dtype.F16: {"<f2", true},
	dtype.BF16: {"<f4", false}, dtype.F8E4M3: {"<f4", false}, dtype.F8E5M2: {"<f4", false},
	dtype.I64: {"<i8", true}, dtype.I32: {"<i4", true}, dtype.I16: {"<i2", true}, dtype.I8: {"|i1", true},
	dtype.U64: {"<u8", true}, dtype.U32: {"<u4", true}, dtype.U16: {"<u2", true}, dtype.U8: {"|u1", true},
	dtype.Bool: {"|b1", true},
}

// exactType returns the type for t, none if there is none. What several elements
// share in the source is written out as float32.
func exactType(t *checkpoint.Tensor) npyType {
	if t.Type == "" {
		return npyType{"<f4", false}
	}
	return exactTypes[t.Type]
}

// noteOfDamaged names the tensors that hold NaN or infinities and are kept as they are; empty if there are none.
func noteOfDamaged(tensors []TensorReport) string {
	var names []string
	for _, t := range tensors {
		if t.NonFinite {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "NaN or infinities are kept as they are, and what computes with them gives no numbers: " + strings.Join(names, ", ")
}

// writeExact writes a tensor to a .npy file without loss. It tells whether NaN or infinities are in it.
func writeExact(ctx context.Context, path string, t *checkpoint.Tensor) (damaged bool, err error) {
	err = atomicfile.Write(path, func(w io.Writer) error {
		kind := exactType(t)
		if !kind.raw {
			damaged, err = writeWidened(ctx, w, t)
			return err
		}
		if err := npy.WriteHeader(w, kind.npy, t.Shape); err != nil {
			return err
		}
		damaged, err = copyRaw(ctx, w, t)
		return err
	})
	return damaged, err
}

// exponents are the bits of an exponent in the uppermost 16 of a number, which are all set in NaN and infinities.
var exponents = map[dtype.Type]uint16{dtype.F64: 0x7ff0, dtype.F32: 0x7f80, dtype.F16: 0x7c00}

// anyDamaged tells whether NaN or infinities are among numbers as they are stored; others than floating-point numbers are none.
func anyDamaged(numbers []byte, t dtype.Type) bool {
	exponent, ok := exponents[t]
	if !ok {
		return false
	}
	for at := t.Size(); at <= len(numbers); at += t.Size() {
		if binary.LittleEndian.Uint16(numbers[at-2:])&exponent == exponent {
			return true
		}
	}
	return false
}

// writeWidened writes a tensor's values as float32, a chunk at a time. It tells whether NaN or infinities are among them.
func writeWidened(ctx context.Context, w io.Writer, t *checkpoint.Tensor) (damaged bool, err error) {
	out, err := npy.NewWriter(w, t.Shape)
	if err != nil {
		return false, err
	}
	buf := make([]float32, min(t.Len(), chunkWeights))
	for at := 0; at < t.Len(); at += len(buf) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		buf := buf[:min(len(buf), t.Len()-at)]
		if err := t.ReadFloat32(ctx, buf, at); err != nil {
			return false, err
		}
		damaged = damaged || slices.ContainsFunc(buf, func(v float32) bool { return v-v != 0 })
		if err := out.Write(buf); err != nil {
			return false, err
		}
	}
	return damaged, out.Close()
}

// copyRaw copies a tensor's bytes as they are. It tells whether NaN or infinities are among its numbers.
func copyRaw(ctx context.Context, w io.Writer, t *checkpoint.Tensor) (damaged bool, err error) {
	buf := make([]byte, min(t.Size, 4*chunkWeights))
	for at := int64(0); at < t.Size; at += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		buf := buf[:min(int64(len(buf)), t.Size-at)]
		if err := t.ReadRaw(ctx, buf, at); err != nil {
			return false, err
		}
		damaged = damaged || anyDamaged(buf, t.Type)
		if _, err := w.Write(buf); err != nil {
			return false, err
		}
	}
	return damaged, nil
}
