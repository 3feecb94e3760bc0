package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/codebook"
)

// matrix is a matrix to design codebooks for.
type matrix struct {
	name    string
	weights []float32
}

// CodebookResult is one method over a set of matrices, each with a codebook of its
// own. Bits are index entropy: packing and file overhead come on top.
type CodebookResult struct {
	Setting       string   `json:"setting"`
	Entropy       float64  `json:"entropy_bits"`
	SNRdB         *float64 `json:"snr_db"` // null: exact
	Cosine        float64  `json:"cosine"`
	MaxError      float64  `json:"max_abs_error"`
	WeightsPerSec float64  `json:"weights_per_s"` // histogram, design, quantizing; one core
}

// CodebookReport is what every method makes of the same matrices.
type CodebookReport struct {
	File     string           `json:"file"`
	Matrices int              `json:"matrices"`
	Results  []CodebookResult `json:"results"`
}

// Codebooks applies every method worth comparing to all matrices of a checkpoint, or to one array.
func Codebooks(ctx context.Context, path string) (*CodebookReport, error) {
	matrices, err := readMatrices(ctx, path)
	if err != nil {
		return nil, err
	}
	r := &CodebookReport{File: path, Matrices: len(matrices)}
	for _, s := range codebookSettings() {
		result, err := s.apply(ctx, matrices)
		if err != nil {
			return nil, err
		}
		r.Results = append(r.Results, result)
	}
	return r, nil
}

// readMatrices reads the matrices of a checkpoint, or one array, into memory.
func readMatrices(ctx context.Context, path string) ([]matrix, error) {
	f, err := checkpoint.OpenPath(ctx, path, checkpoint.Options{})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var matrices []matrix
	tensors := f.Tensors()
	for _, t := range tensors {
		if !t.IsFloat() || t.Len() == 0 || len(t.Shape) < 2 && len(tensors) > 1 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := matrix{t.Name, make([]float32, t.Len())}
		if err := t.ReadFloat32(ctx, m.weights, 0); err != nil {
			return nil, err
		}
		matrices = append(matrices, m)
	}
	if len(matrices) == 0 {
		return nil, fmt.Errorf("%s: holds no matrix", path)
	}
	return matrices, nil
}

// codebookSetting is a method with its target.
type codebookSetting struct {
	name    string
	options codebook.Options
}

// pieceWeights is about a hundredth of a second's work.
const pieceWeights = 1 << 20

// codebookSettings are the ones worth comparing.
func codebookSettings() []codebookSetting {
	s := []codebookSetting{
		{"uniform 256", codebook.Options{Method: codebook.Uniform}},
		{"kmeans 256", codebook.Options{Method: codebook.KMeans}},
		{"kmeans 64", codebook.Options{Method: codebook.KMeans, Entries: 64}},
		{"kmeans 16", codebook.Options{Method: codebook.KMeans, Entries: 16}},
	}
	for _, db := range []float64{41, 35, 29, 23, 21.2, 17} {
		o := codebook.Options{Method: codebook.Entropy, SNR: db, Outliers: codebook.Never}
		s = append(s, codebookSetting{fmt.Sprintf("entropy %g dB", db), o})
	}
	return s
}

// apply applies one setting to all matrices on one core. It looks at ctx between
// pieces of a matrix.
func (s codebookSetting) apply(ctx context.Context, matrices []matrix) (CodebookResult, error) {
	r := CodebookResult{Setting: s.name}
	var total codebook.ErrorSum
	var bits float64
	var elapsed time.Duration
	weights := 0
	for _, m := range matrices {
		indices := make([]byte, len(m.weights))
		start := time.Now()
		h := codebook.NewHistogram()
		for piece := range slices.Chunk(m.weights, pieceWeights) {
			if err := context.Cause(ctx); err != nil {
				return r, err
			}
			if err := h.Add(piece); err != nil {
				return r, fmt.Errorf("%s: %w", m.name, err)
			}
		}
		book, err := codebook.Design(h, s.options)
		if err != nil {
			return r, fmt.Errorf("%s: %w", m.name, err)
		}
		var sum codebook.ErrorSum
		quantizer := book.Quantizer()
		for at := 0; at < len(indices); at += pieceWeights {
			if err := context.Cause(ctx); err != nil {
				return r, err
			}
			end := min(at+pieceWeights, len(indices))
			quantizer.Quantize(indices[at:end], m.weights[at:end], &sum)
		}
		elapsed += time.Since(start)
		total.Merge(&sum)
		weights += len(m.weights)
		bits += entropy(indices) * float64(len(indices))
	}
	r.WeightsPerSec = float64(weights) / elapsed.Seconds()
	f := total.Fidelity()
	r.Entropy = bits / float64(max(1, weights))
	r.Cosine, r.MaxError = f.Cosine, f.MaxError
	if !math.IsInf(f.SNR, 1) {
		r.SNRdB = &f.SNR
	}
	return r, nil
}
