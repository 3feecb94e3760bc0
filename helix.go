// Package helix is the short way into helix-substrate: run a language model inside a memory
// limit, from weights that are compressed and verified, with the same text on every machine.
//
// # Run a model
//
// [Open] takes a model directory, which [Convert] makes of a checkpoint, or a checkpoint or
// GGUF file as it is; [OpenAt] takes the same from an object store. The model then continues
// texts, holds conversations and embeds texts:
//
//	m, err := helix.Open(ctx, "tinystories", helix.ModelOptions{Memory: 300 << 20})
//	if err != nil {
//		return err
//	}
//	defer m.Close()
//	for text, err := range m.Generate(ctx, "Once upon a time", helix.GenerateOptions{MaxTokens: 30}) {
//		if err != nil {
//			return err
//		}
//		fmt.Print(text)
//	}
//
// A text is a loop over its pieces. Breaking out of it, or the end of ctx, ends the
// generation; either way the model is ready for the next. [Result] tells tokens, times and
// why a text ended.
//
// # Serve it
//
// A [Model] is for any number of goroutines. As many texts as [ModelOptions].Sequences are
// worked on at a time, the others wait their turn, and each has the bits that it has alone.
// So an HTTP handler needs no more than this:
//
//	func ask(m *helix.Model) http.HandlerFunc {
//		return func(w http.ResponseWriter, r *http.Request) {
//			c, err := m.NewConversation(helix.ChatOptions{System: "Be brief."})
//			if err != nil {
//				http.Error(w, err.Error(), http.StatusInternalServerError)
//				return
//			}
//			for text, err := range c.Say(r.Context(), r.FormValue("question")) {
//				if err != nil {
//					log.Print(err)
//					return
//				}
//				io.WriteString(w, text)
//				http.NewResponseController(w).Flush()
//			}
//		}
//	}
//
// [ModelOptions].Memory is the limit of the whole process, program and garbage collector
// included. Say in Reserve what the rest of the service will need of it.
//
// # Compress and multiply
//
//	report, err := helix.Convert(ctx, "TinyStories-656K", "tinystories", helix.Options{})
//	matrix, err := helix.Encode(ctx, "w.cdna2.hxz", "w", weights, cols, helix.Options{})
//	y, receipt, err := helix.MatMul(ctx, x, "w.cdna2.hxz")
//	weights, rows, cols, err := helix.Decode(ctx, "w.cdna2.hxz")
//
// [Verify] checks every block of what is at a path, and [Inspect] tells what it is.
//
// # Go on
//
// Everything here is thin over the package that does the work, which has more to offer:
//
//   - generate: sampling, chat templates, pools of sessions; a Batch takes many prompts
//     through the weights together
//   - transformer: the forward pass; evaluate: perplexity, divergence from the original
//   - convert: the options of single tensors, a size for all; compare; export to other formats
//   - checkpoint: what is at a path, as tensors that read themselves; storage: a place of your
//     own for a model's bytes; model: directories that Convert made
//   - stream: products; open a matrix once, multiply often; cdna: the file formats;
//     codebook: designing quantizers
//   - record: receipts, and their replay; memory: what keeping a limit means
//
// Package demo has a model to try it with. What is read, a path or a slice, is never changed.
// Every error is one line; this package has names for those that its functions return.
package helix

import (
	"context"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/receipt/legacy"
	"github.com/helix-substrate/helix-substrate/record"
	"github.com/helix-substrate/helix-substrate/stream"
)

// Options say how weights are compressed. The zero value is entropy-constrained codebooks at
// 35 dB, but for the matrices of a language model that [Convert] can calibrate: those become
// lattice matrices of 5 bits a weight, and 6.5 the output head.
type Options = convert.Options

// Tensor is a row-major float32 array of one to three dimensions.
type Tensor = stream.Tensor

// Encode compresses a row-major matrix with cols columns into the CDNA file at
// path (version 1 if it ends in ".cdna", else 2) under the tensor name given. The
// weights are only read. It keeps all outliers in the codebook; convert.Matrix
// can keep them in a sidecar. Errors are ErrMatrixShape, ErrOption, ErrDesignOption,
// ErrNonFinite, those of writing, and ctx's; after one there is no new file.
func Encode(ctx context.Context, path, name string, weights []float32, cols int, o Options) (*convert.MatrixReport, error) {
	src, err := matrix.NewSlice(weights, len(weights)/max(1, cols), cols)
	if err != nil {
		return nil, err
	}
	return convert.Matrix(ctx, src, convert.Target{Name: name, File: path}, o)
}

// Decode expands the CDNA or lattice file at path, verifying every block. The caller owns the
// weights, row-major. Errors are ErrFormat, ErrChecksum and their like, those of reading, and
// ctx's.
func Decode(ctx context.Context, path string) (weights []float32, rows, cols int, err error) {
	opened, err := stream.OpenIndexed(ctx, path)
	if err != nil {
		return nil, 0, 0, err
	}
	defer opened.Close()
	rows, cols = opened.Base().Rows(), opened.Base().Cols()
	weights = make([]float32, rows*cols)
	switch f := opened.(type) {
	case *cdna.Lattice:
		err = f.ReadFloat32(ctx, weights, 0, nil)
	case *cdna.File:
		err = f.ReadFloat32(ctx, weights, 0, nil, nil)
	}
	if err != nil {
		return nil, 0, 0, err
	}
	return weights, rows, cols, nil
}

// MatMul computes Y = X @ W from the blocks of the CDNA or lattice file at path, never holding
// W. X's last dimension is W's rows, Y's is W's columns. The receipt has the hashes of X and
// Y: written as JSON, it is what record.ReadProduct reads and record.ReplayProduct does again.
// Errors are ErrShape, ErrFormat, ErrChecksum and their like, those of reading, and ctx's.
func MatMul(ctx context.Context, x Tensor, path string) (Tensor, *legacy.StreamXW, error) {
	return multiply(ctx, x, path, false)
}

// MatMulTransposed computes Y = X @ Wᵀ in the same way. X's last dimension is W's
// columns, Y's is W's rows: the linear layer of a checkpoint whose W is
// [out_features, in_features].
func MatMulTransposed(ctx context.Context, x Tensor, path string) (Tensor, *legacy.StreamXW, error) {
	return multiply(ctx, x, path, true)
}

func multiply(ctx context.Context, x Tensor, path string, transpose bool) (Tensor, *legacy.StreamXW, error) {
	engine, err := stream.NewEngine(stream.EngineOptions{})
	if err != nil {
		return Tensor{}, nil, err
	}
	defer engine.Close()
	w, err := engine.OpenIndexed(ctx, path, stream.MatrixOptions{})
	if err != nil {
		return Tensor{}, nil, err
	}
	defer w.Close()
	return record.Multiply(ctx, w, x, transpose, "")
}

// Convert compresses a checkpoint, of any kind that [Open] runs dense, or a repository of the
// hub, into the model directory dst, which must not exist yet. What an error interrupts, ctx's
// included, the next call with the same arguments takes up, from what lies beside dst under
// another name: convert.Directory says how, and has the errors, ErrExists, ErrOption and
// ErrNoCheckpoint among them. A language model is calibrated first, on a built-in text; options
// that only codebooks have, such as SNR, do without. convert.Job has a text of your own, no
// calibration at all (Calibration.Off), settings of single tensors, and a limit.
func Convert(ctx context.Context, src, dst string, o Options) (*convert.Report, error) {
	return convert.Directory(ctx, convert.Job{Source: src, Output: dst, Options: o})
}
