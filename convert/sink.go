package convert

import (
	"fmt"
	"math"
	"os"

	"github.com/x448/float16"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
)

// writerOptions are those of a version 2 file of the given number of rows.
func (e *encoder) writerOptions(c *codebook.Codebook, rows int) cdna.WriterOptions {
	return cdna.WriterOptions{
		TensorName: e.target.Name, Rows: rows, Cols: e.src.Cols(), BlockRows: e.o.BlockRows,
		Codebook: c.Values, Codec: e.o.Codec, Level: e.o.Level, Threads: e.o.Threads,
		Extra:   map[string]any{cdna.EntriesKey: len(c.Values)}, // the format pads to 256
		Sidecar: e.mayHaveOutliers(c),
	}
}

// mayHaveOutliers tells whether quantizing with c can leave outliers.
func (e *encoder) mayHaveOutliers(c *codebook.Codebook) bool {
	return e.target.Sidecar != "" && (e.o.NonFinite || !math.IsInf(float64(c.ClipMin), -1) || !math.IsInf(float64(c.ClipMax), 1))
}

// newSink starts the file that the target asks for.
func (e *encoder) newSink() (indexSink, error) {
	if isVersion1(e.target.File) {
		n := uint64(e.src.Rows()) * uint64(e.src.Cols())
		if n > math.MaxUint32 {
			return nil, fmt.Errorf("%s: %d weights, version 1 holds at most 2^32-1: %w", e.target.File, n, cdna.ErrShape)
		}
		return &version1Sink{e: e, indices: make([]byte, 0, n)}, nil
	}
	w, err := cdna.Create(e.target.File, e.writerOptions(e.book, e.src.Rows()))
	if err != nil {
		return nil, err
	}
	return version2Sink{w}, nil
}

// version2Sink streams blocks to a file.
type version2Sink struct{ w *cdna.FileWriter }

func (s version2Sink) Write(p []byte) (int, error) { return s.w.Write(p) }
func (s version2Sink) abort()                      { s.w.Abort() }
func (s version2Sink) sidecar(sum [32]byte)        { s.w.SetSidecar(sum) }

func (s version2Sink) finish(f *cdna.FidelityStats) (int64, int, error) {
	stats, err := s.w.Finish(f)
	return stats.TotalBytes, stats.NumBlocks, err
}

// version1Sink gathers all indices: the format is one zlib stream and has no
// place for fidelity.
type version1Sink struct {
	e       *encoder
	indices []byte
}

func (s *version1Sink) Write(p []byte) (int, error) {
	s.indices = append(s.indices, p...)
	return len(p), nil
}

func (s *version1Sink) abort()           {}
func (s *version1Sink) sidecar([32]byte) {} // the format has no place for it

func (s *version1Sink) finish(*cdna.FidelityStats) (int64, int, error) {
	path := s.e.target.File
	if err := cdna.CreateV1(path, s.e.src.Rows(), s.e.src.Cols(), s.e.book.Values, s.indices); err != nil {
		return 0, 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	return info.Size(), 1, nil
}

// writeSidecar writes the outliers and returns the size and SHA-256 of the file.
func (e *encoder) writeSidecar() (int64, [32]byte, error) {
	return cdna.CreateSidecar(e.target.Sidecar, e.sidecar(e.book, e.outliers, e.src.Rows()))
}

// sidecar holds outliers of a matrix of the given number of rows.
func (e *encoder) sidecar(c *codebook.Codebook, outliers []codebook.Outlier, rows int) *cdna.Sidecar {
	low, high := float64(c.ClipMin), float64(c.ClipMax)
	policy := cdna.ThresholdPolicy{Method: "rate-distortion"}
	if !math.IsInf(low, -1) {
		policy.ClipMin = &low
	}
	if !math.IsInf(high, 1) {
		policy.ClipMax = &high
	}
	s := &cdna.Sidecar{
		Header:    cdna.SidecarHeader{TensorName: e.target.Name, Rows: rows, Cols: e.src.Cols(), Policy: policy},
		Positions: make([]uint64, len(outliers)),
		Values:    make([]uint16, len(outliers)),
	}
	for i, o := range outliers {
		s.Positions[i], s.Values[i] = o.Position, float16.Fromfloat32(o.Value).Bits()
	}
	return s
}

// removeStale removes the sidecar of an earlier run, which would not fit the matrix. What
// else has its name stays.
func (e *encoder) removeStale() error {
	if e.target.Sidecar == "" {
		return nil
	}
	if kind, err := cdna.DetectFile(e.target.Sidecar); err != nil || kind != cdna.KindSidecar {
		return nil
	}
	return os.Remove(e.target.Sidecar)
}
