package bench

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
)

// gaussianBook is a codebook of a normal distribution.
func gaussianBook(o codebook.Options) (*codebook.Codebook, error) {
	h := codebook.NewHistogram()
	if err := h.Add(Gaussian(1<<18, 1)); err != nil {
		return nil, err
	}
	return codebook.Design(h, o)
}

// Gaussian returns n normal weights of standard deviation 0.02, the same for the
// same seed.
func Gaussian(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(0.02 * r.NormFloat64())
	}
	return w
}

// gaussianIndices returns n codebook indices of normal weights at the given ratio.
func gaussianIndices(n int, snr float64) ([]byte, error) {
	book, err := gaussianBook(codebook.Options{Method: codebook.Entropy, SNR: snr, Outliers: codebook.Never})
	if err != nil {
		return nil, err
	}
	indices := make([]byte, n)
	book.Quantizer().Quantize(indices, Gaussian(n, 2), nil)
	return indices, nil
}

// lattice, in the place of a number of codebook entries, stands for a lattice matrix.
const lattice = 0

// writeLattice writes a lattice file of rows × cols normal integers, of 4 bits of entropy in the mean, whose columns differ
// in spread like a language model's.
func writeLattice(ctx context.Context, path string, rows, cols, blockRows int, codec string) error {
	return writeLatticeWith(ctx, path, rows, cols, blockRows, codec, func(*cdna.LatticeMatrix) {})
}

// writeLatticeWith writes one that is changed first.
func writeLatticeWith(ctx context.Context, path string, rows, cols, blockRows int, codec string, change func(*cdna.LatticeMatrix)) error {
	r := rand.New(rand.NewPCG(6, 0))
	m := &cdna.LatticeMatrix{
		Rows: rows, Cols: cols, Codes: make([]byte, rows*cols), ColumnScale: make([]float32, cols),
	}
	spread := make([]float64, cols)
	for j := range spread {
		spread[j] = 4 * math.Exp(0.4*r.NormFloat64())
		m.ColumnScale[j] = float32(0.0625 / 16)
	}
	normal := Gaussian(2*cols, 3) // entered elsewhere for each row, as in writeMatrix
	for i := range rows {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		at := (i * 7919) % cols
		for j, v := range normal[at : at+cols] {
			z := math.Round(float64(v) / 0.02 * spread[j])
			m.Codes[i*cols+j] = byte(min(127, max(-128, z)) + cdna.LatticeZero)
		}
	}
	change(m)
	_, err := cdna.CreateLattice(path, m, cdna.LatticeOptions{TensorName: "gaussian", BlockRows: blockRows, Codec: codec})
	return err
}

// writeMatrix writes a CDNA v2 file of rows × cols normal weights, a block at a time: at
// 35 dB, or with k-means codebooks of 64 or 16 entries.
func writeMatrix(ctx context.Context, path string, rows, cols, blockRows int, codec string, entries int) error {
	o := codebook.Options{Method: codebook.Entropy, SNR: 35, Outliers: codebook.Never}
	if entries < 256 {
		o = codebook.Options{Method: codebook.KMeans, Entries: entries}
	}
	book, err := gaussianBook(o)
	if err != nil {
		return err
	}
	w, err := cdna.Create(path, cdna.WriterOptions{
		TensorName: "gaussian", Rows: rows, Cols: cols, BlockRows: blockRows, Codebook: book.Values, Codec: codec,
		Extra: map[string]any{cdna.EntriesKey: len(book.Values)},
	})
	if err != nil {
		return err
	}
	defer w.Abort()
	q := book.Quantizer()
	// Two rows' worth of weights, entered elsewhere for each row: drawing 16384² of
	// them would take longer than everything that is measured.
	weights := Gaussian(2*cols, 3)
	indices := make([]byte, len(weights))
	q.Quantize(indices, weights, nil)
	for r := range rows {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		at := (r * 7919) % cols
		if _, err := w.Write(indices[at : at+cols]); err != nil {
			return err
		}
	}
	_, err = w.Finish(nil)
	return err
}
