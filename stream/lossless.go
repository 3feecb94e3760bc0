package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/offheap"
)

// Lossless is a matrix W [rows, cols] in a lossless file. It is streamed, read
// again for every product, until [Lossless.Load] makes it resident, as bfloat16 or
// float32. Results are those of the [Dense] matrix of the same values, bit for bit.
// It is safe for concurrent use.
type Lossless struct {
	blocks blocks
	file   *cdna.Lossless
	layout Layout
	policy cdna.Policy
	close  func() error
	dense  *Dense // nil while streamed; guarded by engine.mu
}

// OpenLossless opens the lossless file at path. verify says when a block's hash is
// checked, as in MatrixOptions. Close the matrix after use.
func (e *Engine) OpenLossless(path string, verify cdna.Policy) (*Lossless, error) {
	f, err := cdna.OpenLossless(path)
	if err != nil {
		return nil, err
	}
	m, err := e.NewLossless(f, verify)
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// NewLossless returns the matrix in an open lossless file, as New does.
func (e *Engine) NewLossless(f *cdna.Lossless, verify cdna.Policy) (*Lossless, error) {
	verify, err := checkPolicy(verify)
	if err != nil {
		return nil, err
	}
	closeFile := f.Close
	if e.budget != nil {
		f = f.Uncached()
	}
	return &Lossless{
		blocks: blocks{engine: e, file: &f.Blocks, verifier: cdna.NewVerifier(verify, f.NumBlocks(), 0)},
		file:   f, layout: LosslessLayout(f), policy: verify, close: closeFile,
	}, nil
}

// Close frees what [Lossless.Load] took and closes the file, after the product that
// runs, if one does.
func (m *Lossless) Close() error {
	m.blocks.engine.forget(&m.file.Blocks)
	return errors.Join(m.Unload(), m.close())
}

// Rows returns the number of rows of W.
func (m *Lossless) Rows() int { return m.file.Rows() }

// Cols returns the number of columns of W.
func (m *Lossless) Cols() int { return m.file.Cols() }

// denseWidth is the bytes of a weight in memory: bfloat16 stays as it is, all else
// becomes float32.
func denseWidth(t dtype.Type) int {
	if t == dtype.BF16 {
		return 2
	}
	return 4
}

// widens tells whether elements of type t have to be converted to be multiplied.
func widens(t dtype.Type) bool { return t != dtype.BF16 && t != dtype.F32 }

// widenedSize is the bytes of a block's weights as float32, 0 if it is multiplied
// as it is.
func widenedSize(f *cdna.Lossless) int {
	if !widens(f.DType()) {
		return 0
	}
	return 4 * f.MaxBlockWeights()
}

// view returns unpacked elements of type F32 or BF16 as they lie in memory, in the
// machine's own byte order afterwards.
func view(raw []byte, t dtype.Type) denseRows {
	if littleEndian := binary.NativeEndian.Uint16([]byte{1, 0}) == 1; !littleEndian {
		dtype.SwapBytes(raw, t.Size())
	}
	if t == dtype.BF16 {
		return denseRows{bf16: offheap.Uint16s(raw)}
	}
	return denseRows{f32: offheap.Float32s(raw)}
}

// fetch returns the weights of block i, in the engine's given buffer: first the
// converted ones, if there are any, then the block as it is unpacked.
func (m *Lossless) fetch(ctx context.Context, w, buffer, i int, s *Stats) (denseRows, error) {
	room := m.blocks.engine.buffers.unpacked[buffer].bytes
	widened := widenedSize(m.file)
	raw := room[widened:][:m.file.Block(i).DecompLen]
	if err := m.blocks.fetch(ctx, raw, w, i, s); err != nil {
		return denseRows{}, err
	}
	if widened == 0 {
		return view(raw, m.file.DType()), nil
	}
	clock := time.Now()
	f32 := offheap.Float32s(room[:widened])[:len(raw)/m.file.DType().Size()]
	dtype.Decode(f32, raw, m.file.DType())
	lap(&clock, &s.Decompress)
	return denseRows{f32: f32}, nil
}

// Describe implements [Matrix].
func (m *Lossless) Describe() Description {
	h := m.file.Header()
	return Description{
		Format: FormatLossless, Exact: true, Tensor: h.TensorName, Path: m.file.Name(), Codec: h.Encoding, Verify: m.policy,
		Sidecar: noSidecar, Canon: CanonFloat, Kernels: m.blocks.engine.CPU(),
	}
}

// ResidentBytes implements [Matrix].
func (m *Lossless) ResidentBytes() int64 {
	e := m.blocks.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.dense == nil {
		return 0
	}
	return m.dense.ResidentBytes()
}

// RowsDot implements [Matrix].
func (m *Lossless) RowsDot(ctx context.Context, y, x []float32, a, b int) (Stats, error) {
	batch, err := checkDot(m.Rows(), m.Cols(), y, x, a, b)
	if err != nil {
		return Stats{}, fmt.Errorf("%s: %w", m.file.Name(), err)
	}
	if err := context.Cause(ctx); err != nil || batch == 0 || a == b {
		return Stats{}, err
	}
	e := m.blocks.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.dense != nil {
		return m.dense.rowsDot(ctx, y, x, batch, a, b)
	}
	start := time.Now()
	g := &e.group
	g.begin(e, x, batch)
	g.add(job{streamed: m, y: y, a: a, b: b})
	total, err := g.run(ctx)
	if err != nil {
		return Stats{}, err
	}
	total.FirstBlock, total.LastBlock = blockRange(&m.file.Blocks, a, b)
	total.BufferBytes, total.Duration = e.buffers.bytes(), time.Since(start)
	return total, nil
}

// wants implements [operand].
func (m *Lossless) wants() (*scales, *corrections) { return nil, nil }

// source implements [streamed].
func (m *Lossless) source() (*cdna.Blocks, *Layout) { return &m.file.Blocks, &m.layout }

// routed implements [streamed].
func (m *Lossless) routed() bool { return m.blocks.experts != nil }

// dotBlock implements [streamed].
func (m *Lossless) dotBlock(ctx context.Context, y []float32, ldy int, in *input, w, i, lo, hi int, s *Stats) error {
	weights, err := m.fetch(ctx, w, w, i, s)
	if err != nil {
		return err
	}
	first, cols := m.file.Block(i).FirstRow, m.Cols()
	clock := time.Now()
	weights.slice((lo-first)*cols, (hi-first)*cols).dot(m.blocks.engine.kernels, y, ldy, &in.packed, hi-lo)
	lap(&clock, &s.Compute)
	return nil
}

// Floats implements [Matrix].
func (m *Lossless) Floats(ctx context.Context, dst []float32, a, b int) error {
	cols := m.Cols()
	if err := checkFloats(m.Rows(), cols, len(dst), a, b); err != nil {
		return fmt.Errorf("%s: %w", m.file.Name(), err)
	}
	if a == b {
		return nil
	}
	e := m.blocks.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.dense != nil {
		return m.dense.Floats(ctx, dst, a, b)
	}
	if err := e.buffers.reserveOne(&m.layout); err != nil {
		return err
	}
	first, last := blockRange(&m.file.Blocks, a, b)
	for i, row := first, a; i < last; i++ {
		weights, err := m.fetch(ctx, 0, 0, i, new(Stats))
		if err != nil {
			return err
		}
		block := m.file.Block(i)
		end := min(b, block.FirstRow+block.Rows)
		weights.slice((row-block.FirstRow)*cols, (end-block.FirstRow)*cols).floats(dst[(row-a)*cols : (end-a)*cols])
		row = end
	}
	return nil
}

// Load makes the matrix resident: it reads every block once and checks its hash.
// Products no longer touch the file then. Loading a resident matrix does nothing.
// Errors are ErrBudget, those of package cdna and the context's; the matrix stays
// streamed.
func (m *Lossless) Load(ctx context.Context) error {
	e := m.blocks.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.dense != nil {
		return nil
	}
	kind := m.file.DType()
	d, err := e.newDense(m.Rows(), m.Cols(), denseWidth(kind))
	if err != nil {
		return err
	}
	if err := m.load(ctx, d); err != nil {
		d.Close()
		return fmt.Errorf("load %s: %w", m.file.Name(), err)
	}
	m.dense = d
	return nil
}

// load fills d, several blocks at once.
func (m *Lossless) load(ctx context.Context, d *Dense) error {
	e, kind := m.blocks.engine, m.file.DType()
	workers, _, err := e.buffers.reserve(&m.layout, min(e.threads, m.file.NumBlocks()), 0)
	if err != nil {
		return err
	}
	if kind == dtype.BF16 {
		d.bf16 = d.arena.uint16s()
	} else {
		d.f32 = d.arena.float32s()
	}
	return e.eachBlock(ctx, workers, 0, m.file.NumBlocks(), func(w, i int) error {
		block := m.file.Block(i)
		from, n := block.FirstRow*d.cols, block.Rows*d.cols
		raw := e.buffers.unpacked[w].bytes[:block.DecompLen]
		if !widens(kind) {
			raw = d.arena.bytes[from*kind.Size():][:block.DecompLen]
		}
		tellOf(&m.file.Blocks, i)
		packed, _, err := m.blocks.unpack(ctx, raw, w, i, new(Stats))
		if err != nil {
			return err
		}
		if err := m.blocks.checkLoaded(i, packed, raw); err != nil {
			return err
		}
		if widens(kind) {
			dtype.Decode(d.f32[from:from+n], raw, kind)
		} else {
			view(raw, kind) // in the machine's byte order
		}
		return nil
	})
}

// Unload gives a resident matrix's memory back, after the product that runs, if one
// does; the matrix is streamed again.
func (m *Lossless) Unload() error {
	e := m.blocks.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.dense == nil {
		return nil
	}
	err := m.dense.Close()
	m.dense = nil
	return err
}
