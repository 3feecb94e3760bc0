package convert

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
)

// sampleWeights bounds the weights on which a rate is measured: enough that the
// rate is known to a thousandth of a bit, and every weight of most tensors.
const sampleWeights = 1 << 22

// bytesPerBlockIndex is a block's entry in the index of a version 2 file.
const bytesPerBlockIndex = 48

// measureRate returns a function that tells how many bits a weight costs, file
// overhead included, when a codebook's indices are packed with the real codec. It
// keeps a sample of whole blocks, evenly spread over the matrix, in memory.
func (e *encoder) measureRate() (func(*codebook.Codebook) (float64, error), error) {
	rows, cols := e.src.Rows(), e.src.Cols()
	blockRows := min(e.o.BlockRows, rows)
	blocks := (rows-1)/blockRows + 1
	take := min(blocks, max(1, sampleWeights/(blockRows*cols)))
	var sample []float32
	for k := range take {
		a := (blocks * k / take) * blockRows
		b := min(a+blockRows, rows)
		sample = append(sample, make([]float32, (b-a)*cols)...)
		if err := e.src.ReadRows(sample[len(sample)-(b-a)*cols:], a, b); err != nil {
			return nil, err
		}
	}
	indices := make([]byte, len(sample))
	total := float64(rows) * float64(cols)
	return func(c *codebook.Codebook) (float64, error) {
		q := c.Quantizer()
		q.Quantize(indices, sample, nil)
		w, err := cdna.NewWriter(discard{}, e.writerOptions(c, len(indices)/cols))
		if err != nil {
			return 0, err
		}
		defer w.Abort()
		if _, err := w.Write(indices); err != nil {
			return 0, err
		}
		s, err := w.Finish(nil)
		if err != nil {
			return 0, fmt.Errorf("measure rate: %w", err)
		}
		perBlock := s.CompressedBytes + int64(s.NumBlocks)*bytesPerBlockIndex
		fixed := s.TotalBytes - perBlock
		if e.target.Sidecar != "" {
			if outliers := q.AppendOutliers(nil, sample, 0); len(outliers) > 0 {
				n, err := e.sidecarBytes(c, outliers, len(indices)/cols)
				if err != nil {
					return 0, err
				}
				perBlock += n
			}
		}
		return 8 * (float64(perBlock)/float64(len(indices)) + float64(fixed)/total), nil
	}, nil
}

// sidecarBytes returns the size of the sidecar of a sample's outliers.
func (e *encoder) sidecarBytes(c *codebook.Codebook, outliers []codebook.Outlier, rows int) (int64, error) {
	var n counter
	err := e.sidecar(c, outliers, rows).Write(&n)
	return int64(n), err
}

// counter is an io.Writer that only counts.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// discard is an io.WriterAt that keeps nothing.
type discard struct{}

func (discard) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
