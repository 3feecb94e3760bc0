package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/codebook"
)

// Matrix is a matrix to design codebooks for.
type Matrix struct {
	Name    string
	Weights []float32
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

// CodebookSetting is a method with its target.
type CodebookSetting struct {
	Name    string
	Options codebook.Options
}

// pieceWeights is about a hundredth of a second's work.
const pieceWeights = 1 << 20

// CodebookSettings are the ones worth comparing.
func CodebookSettings() []CodebookSetting {
	s := []CodebookSetting{
		{"uniform 256", codebook.Options{Method: codebook.Uniform}},
		{"kmeans 256", codebook.Options{Method: codebook.KMeans}},
		{"kmeans 64", codebook.Options{Method: codebook.KMeans, Entries: 64}},
		{"kmeans 16", codebook.Options{Method: codebook.KMeans, Entries: 16}},
	}
	for _, db := range []float64{41, 35, 29, 23, 21.2, 17} {
		o := codebook.Options{Method: codebook.Entropy, SNR: db, Outliers: codebook.Never}
		s = append(s, CodebookSetting{fmt.Sprintf("entropy %g dB", db), o})
	}
	return s
}

// Codebook applies one setting to all matrices on one core. It looks at ctx between
// pieces of a matrix.
func Codebook(ctx context.Context, s CodebookSetting, matrices []Matrix) (CodebookResult, error) {
	r := CodebookResult{Setting: s.Name}
	var total codebook.ErrorSum
	var bits float64
	var elapsed time.Duration
	weights := 0
	for _, m := range matrices {
		indices := make([]byte, len(m.Weights))
		start := time.Now()
		h := codebook.NewHistogram()
		for piece := range slices.Chunk(m.Weights, pieceWeights) {
			if err := context.Cause(ctx); err != nil {
				return r, err
			}
			if err := h.Add(piece); err != nil {
				return r, fmt.Errorf("%s: %w", m.Name, err)
			}
		}
		book, err := codebook.Design(h, s.Options)
		if err != nil {
			return r, fmt.Errorf("%s: %w", m.Name, err)
		}
		var sum codebook.ErrorSum
		quantizer := book.Quantizer()
		for at := 0; at < len(indices); at += pieceWeights {
			if err := context.Cause(ctx); err != nil {
				return r, err
			}
			end := min(at+pieceWeights, len(indices))
			quantizer.Quantize(indices[at:end], m.Weights[at:end], &sum)
		}
		elapsed += time.Since(start)
		total.Merge(&sum)
		weights += len(m.Weights)
		bits += Entropy(indices) * float64(len(indices))
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
