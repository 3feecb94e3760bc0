package bench

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/stream"
)

// MatMul is one comparison of products X @ Wᵀ, W [Rows, Cols].
type MatMul struct {
	Rows, Cols, Batch int
	Threads           int
	CPU               string   // kernel level, empty for the best
	BlockRows         int      // 0: automatic
	Codecs            []string // of the streamed products
	Rounds            int      // every product runs once a round
	Dir               string   // for the matrices; empty: the system's temporary directory
	Memory            int64    // of each product's engine, 0 for no limit
}

// MatMulResult is one way to the product. Rates are of the best round: a shared
// machine only ever slows down.
type MatMulResult struct {
	Name          string  `json:"name"`
	Bytes         int64   `json:"bytes"` // read for a product: weights as they lie in memory or file
	Seconds       float64 `json:"seconds"`
	WeightsPerSec float64 `json:"weights_per_s"`
	GBPerSec      float64 `json:"gb_per_s"`
	GFLOPs        float64 `json:"gflop_per_s"`
	ShareOfRead   float64 `json:"share_of_read"` // of plain reading's GB/s; 0 where nothing large is read
	VsDense       float64 `json:"vs_dense"`      // dense float32's seconds / these
}

// MatMulReport holds the results, all from one run.
type MatMulReport struct {
	Rows     int            `json:"rows"`
	Cols     int            `json:"cols"`
	Batch    int            `json:"batch"`
	Threads  int            `json:"threads"`
	CPU      string         `json:"cpu"`
	ReadGBs  float64        `json:"read_gb_per_s"` // plain reading of 256 MiB or more by all threads
	Results  []MatMulResult `json:"results"`
	SameBits bool           `json:"same_bits"` // 8-bit resident and streamed gave the same Y
}

// Result returns the named result; it panics if there is none.
func (r *MatMulReport) Result(name string) MatMulResult {
	for _, m := range r.Results {
		if m.Name == name {
			return m
		}
	}
	panic("bench: no result " + name)
}

// contestant is one product under measurement.
type contestant struct {
	name    string
	bytes   int64
	memory  bool // whether it reads its bytes from memory
	run     func() error
	best    time.Duration
	cleanup func()
}

// Run measures. It needs room for the matrix as float32 in memory and as indices
// on disk.
func (o MatMul) Run(ctx context.Context) (*MatMulReport, error) {
	k, err := o.kernels()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "helix-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	x := Gaussian(o.Batch*o.Cols, 4)
	var list []*contestant
	defer func() {
		for _, c := range list {
			c.cleanup()
		}
	}()
	add := func(c *contestant, err error) error {
		if err == nil {
			list = append(list, c)
		}
		return err
	}
	if err := add(o.read(ctx, k)); err != nil {
		return nil, err
	}
	if err := add(o.dense(ctx, k, x)); err != nil {
		return nil, err
	}
	var outputs []func() []float32
	for _, width := range []struct {
		name    string
		entries int
	}{{"resident 8-bit", 256}, {"resident 6-bit", 64}, {"resident 4-bit", 16}, {"resident lattice", lattice}} {
		c, y, err := o.matrix(ctx, dir, width.name, "none", width.entries, x, true, nil)
		if err := add(c, err); err != nil {
			return nil, err
		}
		if width.entries == 256 {
			outputs = append(outputs, y)
		}
	}
	c, _, err := o.matrix(ctx, dir, "resident 8-bit, sidecar", "none", 256, x, true, o.sidecar())
	if err := add(c, err); err != nil {
		return nil, err
	}
	for _, codec := range o.Codecs {
		for _, mode := range []string{"decode", "streamed"} {
			var c *contestant
			var y func() []float32
			if mode == "decode" {
				c, err = o.decode(ctx, dir, codec)
			} else {
				c, y, err = o.matrix(ctx, dir, "streamed "+codec, codec, 256, x, false, nil)
				outputs = append(outputs, y)
			}
			if err := add(c, err); err != nil {
				return nil, err
			}
		}
	}
	for range max(1, o.Rounds) {
		for _, c := range list {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			start := time.Now()
			if err := c.run(); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			c.best = min(c.best, time.Since(start))
		}
	}
	return o.report(k, list, outputs), nil
}

func (o MatMul) kernels() (*kernel.Kernels, error) {
	if o.CPU == "" {
		return kernel.FromEnv()
	}
	return kernel.ForLevel(kernel.Level(o.CPU))
}

// split runs f on equal parts of n, whole multiples of unit, on all threads.
func (o MatMul) split(n, unit int, f func(a, b int)) {
	units := (n + unit - 1) / unit
	var wg sync.WaitGroup
	for t := range o.Threads {
		a, b := min(n, units*t/o.Threads*unit), min(n, units*(t+1)/o.Threads*unit)
		wg.Go(func() { f(a, b) })
	}
	wg.Wait()
}

// read is the yardstick: plain reading of as many bytes as there are indices, but
// enough to come from memory.
func (o MatMul) read(ctx context.Context, k *kernel.Kernels) (*contestant, error) {
	n := max(o.Rows*o.Cols, 256<<20)
	buf, err := offheap.Alloc(n)
	if err != nil {
		return nil, err
	}
	for at := 0; at < n; at += 1 << 20 {
		if err := context.Cause(ctx); err != nil {
			offheap.Free(buf)
			return nil, err
		}
		for i := at; i < min(n, at+1<<20); i++ {
			buf[i] = byte(i)
		}
	}
	return &contestant{
		name: "read", bytes: int64(n), memory: true, best: math.MaxInt64, cleanup: func() { offheap.Free(buf) },
		run: func() error {
			o.split(n, 4096, func(a, b int) { k.Read(buf[a:b]) })
			return nil
		},
	}, nil
}

// dense is the same product with float32 weights and the same kernels' canon.
func (o MatMul) dense(ctx context.Context, k *kernel.Kernels, x []float32) (*contestant, error) {
	n := o.Rows * o.Cols
	buf, err := offheap.Alloc(4 * n)
	if err != nil {
		return nil, err
	}
	w := offheap.Float32s(buf)
	row := Gaussian(o.Cols, 5)
	for at := 0; at < n; at += o.Cols {
		if err := context.Cause(ctx); err != nil {
			offheap.Free(buf)
			return nil, err
		}
		copy(w[at:], row)
	}
	y := make([]float32, o.Batch*o.Rows)
	return &contestant{
		name: "dense float32", bytes: int64(4 * n), memory: true, best: math.MaxInt64, cleanup: func() { offheap.Free(buf) },
		run: func() error {
			var a kernel.Activations
			a.Pack(x, o.Batch, o.Cols)
			const rows = 256 // at a time: a worker's share, in runs that stay even
			o.split(o.Rows, rows, func(first, last int) {
				for r := first; r < last && ctx.Err() == nil; r += rows {
					n := min(rows, last-r)
					k.DotRowsF32(y[r:], o.Rows, &a, w[r*o.Cols:(r+n)*o.Cols], n)
				}
			})
			return context.Cause(ctx)
		},
	}, nil
}

// file writes the matrix for one codec and codebook size, once.
func (o MatMul) file(ctx context.Context, dir, codec string, entries int) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.cdna2.hxz", codec, entries))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if entries == lattice {
		return path, writeLattice(ctx, path, o.Rows, o.Cols, o.BlockRows, "")
	}
	return path, writeMatrix(ctx, path, o.Rows, o.Cols, o.BlockRows, codec, entries)
}

// sidecar has one outlier in 200 weights, evenly spread.
func (o MatMul) sidecar() *cdna.Sidecar {
	s := &cdna.Sidecar{Header: cdna.SidecarHeader{TensorName: "gaussian", Rows: o.Rows, Cols: o.Cols}}
	for p := uint64(0); p < uint64(o.Rows)*uint64(o.Cols); p += 200 - p%7 {
		s.Positions = append(s.Positions, p)
		s.Values = append(s.Values, 0x3c00) // 1
	}
	return s
}

// matrix is a product with a CDNA file, resident or streamed from the page cache.
func (o MatMul) matrix(ctx context.Context, dir, name, codec string, entries int, x []float32, resident bool, s *cdna.Sidecar) (*contestant, func() []float32, error) {
	path, err := o.file(ctx, dir, codec, entries)
	if err != nil {
		return nil, nil, err
	}
	var budget *memory.Ledger
	if o.Memory > 0 {
		budget = memory.NewLedger(o.Memory)
	}
	e, err := stream.NewEngine(stream.EngineOptions{Threads: o.Threads, CPU: o.CPU, Budget: budget})
	if err != nil {
		return nil, nil, err
	}
	policy := cdna.TrustCached
	if codec == "none" && !resident {
		policy = cdna.Always // what its yardstick does too
	}
	w, err := e.OpenIndexed(ctx, path, stream.MatrixOptions{Verify: policy, Sidecar: s})
	if err != nil {
		e.Close()
		return nil, nil, err
	}
	c := &contestant{name: name, best: math.MaxInt64, cleanup: func() { w.Close(); e.Close() }}
	if resident {
		if err := w.Load(ctx); err != nil {
			c.cleanup()
			return nil, nil, err
		}
		c.bytes, c.memory = w.ResidentBytes(), true
	} else {
		info, err := os.Stat(path)
		if err != nil {
			c.cleanup()
			return nil, nil, err
		}
		c.bytes = info.Size()
	}
	y := make([]float32, o.Batch*o.Rows)
	c.run = func() error {
		_, err := w.RowsDot(ctx, y, x, 0, o.Rows)
		return err
	}
	return c, func() []float32 { return y }, nil
}

// decode is a streamed product without the product: reading and unpacking every
// block or, of stored blocks, reading and hashing them.
func (o MatMul) decode(ctx context.Context, dir, codec string) (*contestant, error) {
	path, err := o.file(ctx, dir, codec, 256)
	if err != nil {
		return nil, err
	}
	f, err := cdna.Open(path)
	if err != nil {
		return nil, err
	}
	policy, name := cdna.TrustCached, "unpack "+codec
	if codec == "none" {
		policy, name = cdna.Always, "read and hash"
	}
	v := cdna.NewVerifier(policy, f.NumBlocks(), 0)
	return &contestant{
		name: name, bytes: f.Size(), best: math.MaxInt64, cleanup: func() { f.Close() },
		run: func() error { return unpack(ctx, &f.Blocks, o.Threads, v) },
	}, nil
}

func (o MatMul) report(k *kernel.Kernels, list []*contestant, outputs []func() []float32) *MatMulReport {
	r := &MatMulReport{Rows: o.Rows, Cols: o.Cols, Batch: o.Batch, Threads: o.Threads, CPU: string(k.Level()), SameBits: true}
	weights := float64(o.Rows) * float64(o.Cols)
	read := float64(list[0].bytes) / list[0].best.Seconds()
	dense := list[1].best.Seconds()
	r.ReadGBs = read / 1e9
	for _, c := range list[1:] {
		s := c.best.Seconds()
		m := MatMulResult{
			Name: c.name, Bytes: c.bytes, Seconds: s, WeightsPerSec: weights / s, GBPerSec: float64(c.bytes) / s / 1e9,
			GFLOPs: 2 * weights * float64(o.Batch) / s / 1e9, VsDense: dense / s,
		}
		if c.memory {
			m.ShareOfRead = float64(c.bytes) / s / read
		}
		r.Results = append(r.Results, m)
	}
	want := outputs[0]()
	for _, y := range outputs[1:] {
		for i, v := range y() {
			if math.Float32bits(v) != math.Float32bits(want[i]) {
				r.SameBits = false
			}
		}
	}
	return r
}
