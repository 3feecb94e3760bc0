package checkpoint

import (
	"context"
	"fmt"
	"io/fs"
	"sync"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/model"
)

// openConverted opens the tensors of a model directory.
func openConverted(ctx context.Context, m *model.Model) (_ *Checkpoint, err error) {
	var tensors []*Tensor
	var closers []func() error
	add := func(t *Tensor, data Data, closer func() error) {
		tensors = append(tensors, NewTensor(t, data))
		closers = append(closers, closer)
	}
	for _, t := range m.Tensors() {
		if err = openTensor(ctx, m, t, add); err != nil {
			break
		}
	}
	c := &Checkpoint{name: m.Dir, place: m, whole: true, tensors: tensors, closers: closers}
	if err == nil {
		var f MetadataFile
		if f, err = OpenMetadata(ctx, m); f != nil {
			c.metadata, c.closers = f, append(c.closers, f.Close)
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// openTensor opens one tensor of a model directory. What only the manifest of an earlier
// release says, which nothing covers, is not believed: the source's type, which decides how
// weights are rounded, and how a matrix's rows were laid out in more than two dimensions.
func openTensor(ctx context.Context, m *model.Model, t model.Tensor, add func(*Tensor, Data, func() error)) error {
	if m.Manifest.RootScheme == 0 {
		if t.SourceDType, t.QuantType = "", ""; len(t.OriginalShape) > 2 {
			return fmt.Errorf("%s: tensor %q: nothing covers original_shape %v in a manifest of an earlier release; convert it again: %w",
				m.Path(model.ManifestName), t.Name, t.OriginalShape, model.ErrManifest)
		}
	}
	view := &Tensor{Name: t.Name, DType: t.SourceDType, Shape: t.OriginalShape, File: t.File}
	if t.QuantType != "" {
		view.DType = t.QuantType
	}
	switch t.Format {
	case model.FormatCDNA2:
		f, err := m.OpenMatrix(ctx, t)
		if err != nil {
			return err
		}
		s, err := m.OpenSidecar(ctx, t)
		if err != nil {
			f.Close()
			return err
		}
		view.Size = 4 * int64(view.Len())
		add(view, newQuantized(f.Base(), func(ctx context.Context, dst []float32, off int) error {
			return f.ReadFloat32(ctx, dst, off, s, nil)
		}), f.Close)
	case model.FormatLattice:
		f, err := m.OpenLattice(ctx, t)
		if err != nil {
			return err
		}
		view.Size = 4 * int64(view.Len())
		add(view, newQuantized(f.Base(), func(ctx context.Context, dst []float32, off int) error {
			return f.ReadFloat32(ctx, dst, off, nil)
		}), f.Close)
	case model.FormatLossless:
		f, err := m.OpenLossless(ctx, t)
		if err != nil {
			return err
		}
		view.Type = f.DType()
		view.Size = int64(view.Len()) * int64(view.Type.Size())
		add(view, &lossless{file: f}, f.Close)
	default:
		r, err := m.OpenArray(ctx, t)
		if err != nil {
			return err
		}
		view.Shape, view.Type = t.Shape, r.Type()
		if t.SourceDType != "" && dtype.Type(t.SourceDType) != r.Type() && view.IsFloat() {
			view.Type = "" // widened: NumPy has no such type
		}
		view.Size = int64(r.Len()) * int64(r.Type().Size())
		add(view, r, r.Close)
	}
	return nil
}

// quantized is a matrix of indices or integers. It keeps the block that it read last.
type quantized struct {
	file *cdna.Blocks
	read func(ctx context.Context, dst []float32, off int) error // weights from off on; checks their blocks

	mu      sync.Mutex
	block   int // −1: none
	weights []float32
}

func newQuantized(file *cdna.Blocks, read func(ctx context.Context, dst []float32, off int) error) *quantized {
	return &quantized{file: file, read: read, block: -1}
}

// ReadFloat32 unpacks the blocks that hold the weights and checks each.
func (q *quantized) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	cols := q.file.Cols()
	for len(dst) > 0 {
		i := off / cols / q.file.Header().BlockRows
		if i >= q.file.NumBlocks() {
			return fmt.Errorf("element %d: %w", off, fs.ErrInvalid)
		}
		if err := q.load(ctx, i); err != nil {
			return err
		}
		n := copy(dst, q.weights[off-q.file.Block(i).FirstRow*cols:])
		dst, off = dst[n:], off+n
	}
	return nil
}

// load unpacks a block.
func (q *quantized) load(ctx context.Context, i int) error {
	if i == q.block {
		return nil
	}
	if q.weights == nil {
		q.weights = make([]float32, q.file.MaxBlockWeights())
	}
	q.block = -1
	b := q.file.Block(i)
	q.weights = q.weights[:b.DecompLen]
	if err := q.read(ctx, q.weights, b.FirstRow*q.file.Cols()); err != nil {
		return err
	}
	q.block = i
	return nil
}

// ReadRaw reads the weights as little-endian float32.
func (q *quantized) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	first := off / 4
	last := (off + int64(len(dst)) + 3) / 4
	weights := make([]float32, last-first)
	if err := q.ReadFloat32(ctx, weights, int(first)); err != nil {
		return err
	}
	copy(dst, dtype.AppendF32(nil, weights)[off-4*first:])
	return nil
}

// lossless is a matrix with the source's bytes. It keeps the block that it read
// last.
type lossless struct {
	file *cdna.Lossless

	mu   sync.Mutex
	at   int64 // where the block begins, in bytes
	data []byte
}

// ReadFloat32 reads as the file does.
func (l *lossless) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	return l.file.ReadFloat32(ctx, dst, off, nil)
}

// ReadRaw reads the source's bytes.
func (l *lossless) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	row := int64(l.file.Cols()) * int64(l.file.DType().Size())
	for len(dst) > 0 {
		if off < l.at || off >= l.at+int64(len(l.data)) {
			i := int(off / row / int64(l.file.Header().BlockRows))
			if i >= l.file.NumBlocks() {
				return fmt.Errorf("byte %d: %w", off, fs.ErrInvalid)
			}
			b := l.file.Block(i)
			if cap(l.data) < b.DecompLen {
				l.data = make([]byte, l.file.MaxBlockLen())
			}
			l.data = l.data[:b.DecompLen]
			if _, err := l.file.ReadBlock(ctx, l.data, i, nil); err != nil {
				l.data = l.data[:0]
				return err
			}
			l.at = int64(b.FirstRow) * row
		}
		n := copy(dst, l.data[off-l.at:])
		dst, off = dst[n:], off+int64(n)
	}
	return nil
}
