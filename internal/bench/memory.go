package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/stream"
)

// Memory compares the memory that a streamed product takes with a dense one's, each in a
// process of its own.
type Memory struct {
	Rows, Cols, BlockRows int
	Codec                 string
	Threads               int
	Budget                int64 // of the streamed product's block buffers, 0 for no limit
	NoDense               bool
	Dir                   string    // for the matrix; empty: the system's temporary directory
	Stderr                io.Writer // where the processes say what is wrong
}

// MemoryReport is what was measured.
type MemoryReport struct {
	Rows      int      `json:"rows"`
	Cols      int      `json:"cols"`
	BlockRows int      `json:"block_rows"`
	Codec     string   `json:"codec"`
	FileBytes int64    `json:"file_bytes"`
	Streamed  Phase    `json:"streamed"`
	Dense     *Phase   `json:"dense,omitempty"`
	Cosine    *float64 `json:"cosine,omitempty"`
	Ratio     *float64 `json:"memory_ratio,omitempty"` // dense above X and Y / streamed above X and Y
}

// Run measures.
func (m Memory) Run(ctx context.Context) (*MemoryReport, error) {
	dir, err := os.MkdirTemp(m.Dir, "helix-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	p := product{
		W: filepath.Join(dir, "w.cdna2.hxz"), X: filepath.Join(dir, "x.npy"), Y: filepath.Join(dir, "streamed.npy"), Threads: m.Threads, Memory: m.Budget,
	}
	if err := writeMatrix(ctx, p.W, m.Rows, m.Cols, m.BlockRows, m.Codec, 256); err != nil {
		return nil, err
	}
	if err := npy.Create(p.X, []int{m.Rows}, Gaussian(m.Rows, 4)); err != nil {
		return nil, err
	}
	info, err := os.Stat(p.W)
	if err != nil {
		return nil, err
	}
	r := &MemoryReport{Rows: m.Rows, Cols: m.Cols, BlockRows: m.BlockRows, Codec: m.Codec, FileBytes: info.Size()}
	if err := inChild(ctx, "streamed product", work{Product: &p}, m.Stderr, &r.Streamed); err != nil || m.NoDense {
		return r, err
	}
	dense := p
	dense.Dense, dense.Y = true, filepath.Join(dir, "dense.npy")
	r.Dense = new(Phase)
	if err := inChild(ctx, "dense product", work{Product: &dense}, m.Stderr, r.Dense); err != nil {
		return nil, err
	}
	a, _, err := npy.ReadFloat32(p.Y)
	if err != nil {
		return nil, err
	}
	b, _, err := npy.ReadFloat32(dense.Y)
	if err != nil {
		return nil, err
	}
	similar, ratio := Cosine(a, b), float64(r.Dense.AboveXY())/float64(r.Streamed.AboveXY())
	r.Cosine, r.Ratio = &similar, &ratio
	return r, nil
}

// Phase is one product in a process of its own, whose memory is its peak.
type Phase struct {
	StartBytes int64   `json:"start_bytes"` // the peak before any of the work: the program has started
	PeakBytes  int64   `json:"peak_bytes"`  // of the process
	XYBytes    int64   `json:"xy_bytes"`    // X and Y, which any product must hold
	Seconds    float64 `json:"seconds"`     // of the product
}

// AboveXY is what the product needed beyond X and Y, the program included.
func (p Phase) AboveXY() int64 { return p.PeakBytes - p.XYBytes }

// product is the work of a child: X @ W from files, into one.
type product struct {
	Dense   bool // the ordinary way
	W, X, Y string
	Threads int
	Memory  int64 // of the streamed product's block buffers, 0 for no limit
}

func (p *product) run(ctx context.Context) (Phase, error) {
	start, _ := procmem.PeakRSS()
	x, _, err := npy.ReadFloat32(p.X)
	if err != nil {
		return Phase{}, err
	}
	multiply := p.streamed
	if p.Dense {
		multiply = p.dense
	}
	y, took, err := multiply(ctx, x)
	if err != nil {
		return Phase{}, err
	}
	peak, ok := procmem.PeakRSS()
	if !ok {
		return Phase{}, errors.New("peak memory: not known on this system")
	}
	return Phase{StartBytes: start, PeakBytes: peak, XYBytes: 4 * int64(len(x)+len(y)), Seconds: took.Seconds()}, npy.Create(p.Y, []int{len(y)}, y)
}

// streamed computes Y = X @ W from the blocks of W's file.
func (p *product) streamed(ctx context.Context, x []float32) ([]float32, time.Duration, error) {
	o := stream.EngineOptions{Threads: p.Threads}
	if p.Memory > 0 {
		o.Budget = memory.NewLedger(p.Memory)
	}
	engine, err := stream.NewEngine(o)
	if err != nil {
		return nil, 0, err
	}
	defer engine.Close()
	w, err := engine.Open(p.W, stream.MatrixOptions{})
	if err != nil {
		return nil, 0, err
	}
	defer w.Close()
	y, stats, err := w.MatMul(ctx, stream.Tensor{Shape: []int{len(x)}, Data: x})
	return y.Data, stats.Duration, err
}

// dense computes the same product the ordinary way: the whole matrix as float32 in
// memory, then a plain loop.
func (p *product) dense(ctx context.Context, x []float32) ([]float32, time.Duration, error) {
	f, err := cdna.Open(p.W)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	rows, cols := f.Rows(), f.Cols()
	if len(x) != rows {
		return nil, 0, fmt.Errorf("x has %d values, %s has %d rows: %w", len(x), p.W, rows, stream.ErrShape)
	}
	w := make([]float32, rows*cols)
	if err := f.ReadFloat32(ctx, w, 0, nil, nil); err != nil {
		return nil, 0, err
	}
	start := time.Now()
	y := make([]float32, cols)
	for r, xr := range x {
		for j, wj := range w[r*cols:][:cols] {
			y[j] += xr * wj
		}
	}
	return y, time.Since(start), nil
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
