package convert

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
)

// sampleWeights bounds the weights on which a rate is measured: enough that the
// rate is known to a thousandth of a bit, and every weight of small tensors.
const sampleWeights = 1 << 22

// bytesPerBlockIndex is a block's entry in the index of a version 2 file.
const bytesPerBlockIndex = 48

// measureRate returns a function that tells how many bits a weight costs, file
// overhead included, when a codebook's indices are packed with the real codec. It
// keeps a sample in memory, evenly spread over the matrix: whole blocks, unless a
// single one is more.
func (e *encoder) measureRate() (func(*codebook.Codebook) (float64, error), error) {
	rows, cols := e.src.Rows(), e.src.Cols()
	blocks := (rows-1)/e.o.BlockRows + 1
	run := min(e.o.BlockRows, rows, max(1, sampleWeights/cols)) // rows of a sampled block
	runs := (rows-1)/run + 1
	take := min(runs, max(1, sampleWeights/(run*cols)))
	var sample []float32
	for k := range take {
		a := runs * k / take * run
		b := min(a+run, rows)
		sample = append(sample, make([]float32, (b-a)*cols)...)
		if err := e.src.ReadRows(e.ctx, sample[len(sample)-(b-a)*cols:], a, b); err != nil {
			return nil, err
		}
	}
	indices := make([]byte, len(sample))
	total := float64(rows) * float64(cols)
	return func(c *codebook.Codebook) (float64, error) {
		q := c.Quantizer()
		q.Quantize(indices, sample, nil)
		options := e.writerOptions(c, len(indices)/cols)
		options.BlockRows = run
		s, err := sizeOf(indices, options)
		if err != nil {
			return 0, fmt.Errorf("measure rate: %w", err)
		}
		packed := s.CompressedBytes
		if e.target.Sidecar != "" {
			if outliers := q.AppendOutliers(nil, sample, 0); len(outliers) > 0 {
				n, err := e.sidecarBytes(c, outliers, len(indices)/cols)
				if err != nil {
					return 0, err
				}
				packed += n
			}
		}
		bits := 8 * float64(packed) / float64(len(indices))
		if e.o.withoutOverhead {
			return bits, nil
		}
		head := s.TotalBytes - s.CompressedBytes - int64(s.NumBlocks)*bytesPerBlockIndex
		return bits + 8*float64(head+int64(blocks)*bytesPerBlockIndex)/total, nil
	}, nil
}

// sizeOf writes a version 2 file to nowhere.
func sizeOf(indices []byte, o cdna.WriterOptions) (cdna.WriteStats, error) {
	w, err := cdna.NewWriter(discard{}, o)
	if err != nil {
		return cdna.WriteStats{}, err
	}
	defer w.Abort()
	if _, err := w.Write(indices); err != nil {
		return cdna.WriteStats{}, err
	}
	return w.Finish(nil)
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
