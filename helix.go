// Package helix is the short way into helix-substrate: compress a weight matrix,
// get it back, multiply by it without loading it, convert a whole checkpoint.
//
//	report, err := helix.Encode(ctx, "w.cdna2.hxz", "w", weights, cols, helix.Options{})
//	y, receipt, err := helix.MatMul(ctx, x, "w.cdna2.hxz")
//	weights, rows, cols, err := helix.Decode("w.cdna2.hxz")
//	report, err := helix.Convert(ctx, "TinyStories-656K", "tinystories-cdna", helix.Options{})
//
// Each function is thin over the package that does the work, which has more to
// offer: cdna (the file formats), codebook (designing quantizers), stream
// (products; open a matrix once, multiply often), convert and model.
package helix

import (
	"context"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
)

// Options say how weights are compressed; the zero value is entropy-constrained
// codebooks at 35 dB.
type Options = convert.Options

// Tensor is a row-major float32 array of one to three dimensions.
type Tensor = stream.Tensor

// Encode compresses a row-major matrix with cols columns into the CDNA file at
// path (version 1 if it ends in ".cdna", else 2) under the tensor name given. The
// weights are only read. It keeps all outliers in the codebook; convert.Matrix
// can keep them in a sidecar.
func Encode(ctx context.Context, path, name string, weights []float32, cols int, o Options) (*convert.MatrixReport, error) {
	src, err := convert.NewSlice(weights, cols)
	if err != nil {
		return nil, err
	}
	return convert.Matrix(ctx, src, convert.Target{Name: name, File: path}, o)
}

// Decode expands the CDNA file at path, verifying every block. The caller owns the
// weights, row-major.
func Decode(path string) (weights []float32, rows, cols int, err error) {
	f, err := cdna.Open(path)
	if err != nil {
		return nil, 0, 0, err
	}
	defer f.Close()
	indices := make([]byte, f.Rows()*f.Cols())
	if err := f.ReadRows(indices, 0, f.Rows(), cdna.NewVerifier(cdna.Always, f.NumBlocks(), 0)); err != nil {
		return nil, 0, 0, err
	}
	weights = make([]float32, len(indices))
	values := f.Codebook()
	codebook.Decode(weights, indices, values[:])
	return weights, f.Rows(), f.Cols(), nil
}

// MatMul computes Y = X @ W from the blocks of the CDNA file at path, never holding
// W. X's last dimension is W's rows, Y's is W's columns.
func MatMul(ctx context.Context, x Tensor, path string) (Tensor, *receipt.StreamXW, error) {
	return multiply(path, func(w *stream.Matrix) (Tensor, *receipt.StreamXW, error) {
		recorder := w.Record("")
		y, stats, err := w.MatMul(ctx, x)
		if err != nil {
			return Tensor{}, nil, err
		}
		return y, recorder.MatMul(x, y, stats), nil
	})
}

// MatMulTransposed computes Y = X @ Wᵀ in the same way. X's last dimension is W's
// columns, Y's is W's rows: the linear layer of a checkpoint whose W is
// [out_features, in_features].
func MatMulTransposed(ctx context.Context, x Tensor, path string) (Tensor, *receipt.StreamXW, error) {
	return multiply(path, func(w *stream.Matrix) (Tensor, *receipt.StreamXW, error) {
		recorder := w.Record("")
		y, stats, err := w.MatMulTransposed(ctx, x)
		if err != nil {
			return Tensor{}, nil, err
		}
		return y, recorder.MatMulTransposed(x, y, stats), nil
	})
}

func multiply(path string, product func(*stream.Matrix) (Tensor, *receipt.StreamXW, error)) (Tensor, *receipt.StreamXW, error) {
	engine, err := stream.NewEngine(stream.EngineOptions{})
	if err != nil {
		return Tensor{}, nil, err
	}
	defer engine.Close()
	w, err := engine.Open(path, stream.MatrixOptions{})
	if err != nil {
		return Tensor{}, nil, err
	}
	defer w.Close()
	return product(w)
}

// Convert compresses a Hugging Face checkpoint, a directory or one .safetensors
// file, into the model directory dst, which must not exist yet. On an error, the
// context's included, nothing is left of it.
func Convert(ctx context.Context, src, dst string, o Options) (*convert.Report, error) {
	return convert.Directory(ctx, convert.Job{Source: src, Output: dst, Options: o})
}
