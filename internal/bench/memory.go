package bench

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/stream"
)

// Phase is one product in a process of its own, whose memory is its peak.
type Phase struct {
	PeakBytes int64   `json:"peak_bytes"` // of the process
	XYBytes   int64   `json:"xy_bytes"`   // X and Y, which any product must hold
	Seconds   float64 `json:"seconds"`    // of the product
}

// AboveXY is what the product needed beyond X and Y, the program included.
func (p Phase) AboveXY() int64 { return p.PeakBytes - p.XYBytes }

// Streamed computes Y = X @ W from the blocks of the file at path.
// A memory limit above 0 bounds the block buffers.
func Streamed(ctx context.Context, path string, x []float32, threads int, memory int64) ([]float32, Phase, error) {
	o := stream.EngineOptions{Threads: threads}
	if memory > 0 {
		o.Budget = stream.NewBudget(memory)
	}
	engine, err := stream.NewEngine(o)
	if err != nil {
		return nil, Phase{}, err
	}
	defer engine.Close()
	w, err := engine.Open(path, stream.MatrixOptions{})
	if err != nil {
		return nil, Phase{}, err
	}
	defer w.Close()
	y, stats, err := w.MatMul(ctx, stream.Tensor{Shape: []int{len(x)}, Data: x})
	if err != nil {
		return nil, Phase{}, err
	}
	phase, err := endPhase(x, y.Data, stats.Duration)
	return y.Data, phase, err
}

// Dense computes the same product the ordinary way: the whole matrix as float32 in
// memory, then a plain loop.
func Dense(ctx context.Context, path string, x []float32) ([]float32, Phase, error) {
	f, err := cdna.Open(path)
	if err != nil {
		return nil, Phase{}, err
	}
	defer f.Close()
	rows, cols := f.Rows(), f.Cols()
	if len(x) != rows {
		return nil, Phase{}, fmt.Errorf("x has %d values, %s has %d rows: %w", len(x), path, rows, stream.ErrShape)
	}
	w := make([]float32, rows*cols)
	values := f.Codebook()
	indices := make([]byte, f.MaxBlockLen())
	for i := range f.NumBlocks() {
		if err := context.Cause(ctx); err != nil {
			return nil, Phase{}, err
		}
		b := f.Block(i)
		if _, err := f.ReadBlock(indices[:b.DecompLen], i, cdna.NewVerifier(cdna.Always, f.NumBlocks(), 0)); err != nil {
			return nil, Phase{}, err
		}
		codebook.Decode(w[b.FirstRow*cols:][:b.DecompLen], indices[:b.DecompLen], values[:])
	}
	start := time.Now()
	y := make([]float32, cols)
	for r, xr := range x {
		for j, wj := range w[r*cols:][:cols] {
			y[j] += xr * wj
		}
	}
	phase, err := endPhase(x, y, time.Since(start))
	return y, phase, err
}

func endPhase(x, y []float32, d time.Duration) (Phase, error) {
	peak, ok := procmem.PeakRSS()
	if !ok {
		return Phase{}, fmt.Errorf("peak memory: not known on this system")
	}
	return Phase{PeakBytes: peak, XYBytes: 4 * int64(len(x)+len(y)), Seconds: d.Seconds()}, nil
}

// Cosine returns the cosine of the angle between a and b, computed in float64.
func Cosine(a, b []float32) float64 {
	var aa, bb, ab float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
