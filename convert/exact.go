package convert

import (
	"context"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// exactTypes are the .npy types that hold each source type without loss, with the
// source's own bytes where NumPy has the type. It has no bfloat16 and no float8;
// float32 holds all their values.
var exactTypes = map[safetensors.DType]struct {
	npy string
	raw bool
}{
	safetensors.F64: {"<f8", true}, safetensors.F32: {"<f4", true}, safetensors.F16: {"<f2", true},
	safetensors.BF16: {"<f4", false}, safetensors.F8E4M3: {"<f4", false}, safetensors.F8E5M2: {"<f4", false},
	safetensors.I64: {"<i8", true}, safetensors.I32: {"<i4", true}, safetensors.I16: {"<i2", true}, safetensors.I8: {"|i1", true},
	safetensors.U64: {"<u8", true}, safetensors.U32: {"<u4", true}, safetensors.U16: {"<u2", true}, safetensors.U8: {"|u1", true},
	safetensors.Bool: {"|b1", true},
}

// writeExact writes a tensor to a .npy file without loss.
func writeExact(ctx context.Context, path string, t *tensor) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		if !t.raw {
			return writeWidened(ctx, w, t)
		}
		if err := npy.WriteHeader(w, t.npy, t.shape); err != nil {
			return err
		}
		return copyRaw(ctx, w, t)
	})
}

// writeWidened writes a tensor's values as float32, a chunk at a time.
func writeWidened(ctx context.Context, w io.Writer, t *tensor) error {
	out, err := npy.NewWriter(w, t.shape)
	if err != nil {
		return err
	}
	buf := make([]float32, min(t.len(), chunkWeights))
	for at := 0; at < t.len(); at += len(buf) {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf := buf[:min(len(buf), t.len()-at)]
		if err := t.data.ReadFloat32(buf, at); err != nil {
			return err
		}
		if err := out.Write(buf); err != nil {
			return err
		}
	}
	return out.Close()
}

// copyRaw copies a tensor's bytes as they are.
func copyRaw(ctx context.Context, w io.Writer, t *tensor) error {
	buf := make([]byte, min(t.size, 4*chunkWeights))
	for at := int64(0); at < t.size; at += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf := buf[:min(int64(len(buf)), t.size-at)]
		if err := t.data.ReadRaw(buf, at); err != nil {
			return err
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}
