package convert

import (
	"context"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// exactTypes are the .npy types that hold each source type without loss. NumPy
// has no bfloat16 and no float8; float32 holds all their values.
var exactTypes = map[safetensors.DType]string{
	safetensors.F64: "<f8", safetensors.F32: "<f4", safetensors.F16: "<f2",
	safetensors.BF16: "<f4", safetensors.F8E4M3: "<f4", safetensors.F8E5M2: "<f4",
	safetensors.I64: "<i8", safetensors.I32: "<i4", safetensors.I16: "<i2", safetensors.I8: "|i1",
	safetensors.U64: "<u8", safetensors.U32: "<u4", safetensors.U16: "<u2", safetensors.U8: "|u1",
	safetensors.Bool: "|b1",
}

// exactType returns the .npy type of an exact copy, empty if there is none.
func exactType(d safetensors.DType) string { return exactTypes[d] }

// writeExact writes a tensor to a .npy file without loss.
func writeExact(ctx context.Context, path string, t *safetensors.Tensor) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		switch t.DType {
		case safetensors.BF16, safetensors.F8E4M3, safetensors.F8E5M2:
			return writeWidened(ctx, w, t)
		}
		if err := npy.WriteHeader(w, exactType(t.DType), t.Shape); err != nil {
			return err
		}
		return copyRaw(ctx, w, t)
	})
}

// writeWidened writes a tensor's values as float32, a chunk at a time.
func writeWidened(ctx context.Context, w io.Writer, t *safetensors.Tensor) error {
	out, err := npy.NewWriter(w, t.Shape)
	if err != nil {
		return err
	}
	buf := make([]float32, min(t.Len(), chunkWeights))
	for at := 0; at < t.Len(); at += len(buf) {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf := buf[:min(len(buf), t.Len()-at)]
		if err := t.ReadFloat32(buf, at); err != nil {
			return err
		}
		if err := out.Write(buf); err != nil {
			return err
		}
	}
	return out.Close()
}

// copyRaw copies a tensor's bytes as they are.
func copyRaw(ctx context.Context, w io.Writer, t *safetensors.Tensor) error {
	buf := make([]byte, min(t.Size(), 4*chunkWeights))
	for at := int64(0); at < t.Size(); at += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf := buf[:min(int64(len(buf)), t.Size()-at)]
		if err := t.ReadRaw(buf, at); err != nil {
			return err
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}
