package source

import (
	"context"
	"fmt"
	"io/fs"
	"sync"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/model"
)

// OpenAny is Open for model directories too, whose tensors then read as the weights
// that they stand for. Those of lossless files have the source's bytes.
func OpenAny(ctx context.Context, name string, o Options) (*checkpoint.Checkpoint, error) {
	if !model.IsModel(name) {
		return Open(ctx, name, o)
	}
	m, err := model.Open(name)
	if err != nil {
		return nil, err
	}
	var tensors []*checkpoint.Tensor
	var closers []func() error
	add := func(t *checkpoint.Tensor, data checkpoint.Data, closer func() error) {
		tensors = append(tensors, checkpoint.NewTensor(t, data))
		closers = append(closers, closer)
	}
	for _, t := range m.Tensors() {
		if err = openTensor(m, t, add); err != nil {
			break
		}
	}
	var metadata *gguf.File
	if err == nil {
		metadata, err = m.OpenMetadata()
	}
	if metadata != nil {
		closers = append(closers, metadata.Close)
	}
	c := checkpoint.New(modelPlace{m}, name, tensors, metadata, closers)
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// modelPlace are a model directory's files, each compared with the manifest when it is
// opened.
type modelPlace struct{ m *model.Model }

// Names lists the files that the manifest does.
func (p modelPlace) Names() ([]string, error) {
	var names []string
	for _, f := range p.m.Manifest.AllFiles() {
		names = append(names, f.File)
	}
	return names, nil
}

// Path returns the path of a file.
func (p modelPlace) Path(name string) string { return p.m.Path(name) }

// Open opens a file and checks it.
func (p modelPlace) Open(name string) (checkpoint.File, error) {
	f, err := p.m.OpenFile(name)
	if err != nil {
		return nil, err
	}
	return modelFile{f}, nil
}

type modelFile struct{ *model.FileReader }

// Stamp tells nothing but the size: what the manifest says of the file was checked.
func (f modelFile) Stamp() string { return fmt.Sprintf("%d bytes", f.Size()) }

// openTensor opens one tensor of a model directory. What only the manifest of an earlier
// release says, which nothing covers, is not believed: the source's type, which decides how
// weights are rounded, and how a matrix's rows were laid out in more than two dimensions.
func openTensor(m *model.Model, t model.Tensor, add func(*checkpoint.Tensor, checkpoint.Data, func() error)) error {
	if m.Manifest.RootScheme == 0 {
		if t.SourceDType, t.QuantType = "", ""; len(t.OriginalShape) > 2 {
			return fmt.Errorf("%s: tensor %q: nothing covers original_shape %v in a manifest of an earlier release; convert it again: %w",
				m.Path(model.ManifestName), t.Name, t.OriginalShape, model.ErrManifest)
		}
	}
	view := &checkpoint.Tensor{Name: t.Name, DType: t.SourceDType, Shape: t.OriginalShape, File: t.File}
	if t.QuantType != "" {
		view.DType = t.QuantType
	}
	switch t.Format {
	case model.FormatCDNA2:
		f, err := m.OpenMatrix(t)
		if err != nil {
			return err
		}
		s, err := m.OpenSidecar(t)
		if err != nil {
			f.Close()
			return err
		}
		view.Size = 4 * int64(view.Len())
		add(view, &quantized{file: f, sidecar: s, verify: cdna.NewVerifier(cdna.Always, f.NumBlocks(), 0), block: -1}, f.Close)
	case model.FormatLossless:
		f, err := m.OpenLossless(t)
		if err != nil {
			return err
		}
		view.Type = f.DType()
		view.Size = int64(view.Len()) * int64(view.Type.Size())
		add(view, &lossless{file: f}, f.Close)
	default:
		r, err := m.OpenArray(t)
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

// quantized is a matrix of indices. It keeps the block that it read last.
type quantized struct {
	file    *cdna.File
	sidecar *cdna.Sidecar
	verify  *cdna.Verifier

	mu      sync.Mutex
	block   int // −1: none
	indices []byte
	weights []float32
}

// ReadFloat32 unpacks the blocks that hold the weights and checks each.
func (q *quantized) ReadFloat32(dst []float32, off int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	cols := q.file.Cols()
	for len(dst) > 0 {
		i := off / cols / q.file.Header().BlockRows
		if i >= q.file.NumBlocks() {
			return fmt.Errorf("element %d: %w", off, fs.ErrInvalid)
		}
		if err := q.load(i); err != nil {
			return err
		}
		n := copy(dst, q.weights[off-q.file.Block(i).FirstRow*cols:])
		dst, off = dst[n:], off+n
	}
	return nil
}

// load unpacks a block.
func (q *quantized) load(i int) error {
	if i == q.block {
		return nil
	}
	if q.indices == nil {
		q.indices, q.weights = make([]byte, q.file.MaxBlockLen()), make([]float32, q.file.MaxBlockLen())
	}
	q.block = -1
	b := q.file.Block(i)
	q.indices, q.weights = q.indices[:b.DecompLen], q.weights[:b.DecompLen]
	if _, err := q.file.ReadBlock(q.indices, i, q.verify); err != nil {
		return err
	}
	values := q.file.Codebook()
	codebook.Decode(q.weights, q.indices, values[:])
	if q.sidecar != nil {
		q.sidecar.Apply(q.weights, uint64(b.FirstRow)*uint64(q.file.Cols()))
	}
	q.block = i
	return nil
}

// ReadRaw reads the weights as little-endian float32.
func (q *quantized) ReadRaw(dst []byte, off int64) error {
	first := off / 4
	last := (off + int64(len(dst)) + 3) / 4
	weights := make([]float32, last-first)
	if err := q.ReadFloat32(weights, int(first)); err != nil {
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
func (l *lossless) ReadFloat32(dst []float32, off int) error {
	return l.file.ReadFloat32(dst, off, nil)
}

// ReadRaw reads the source's bytes.
func (l *lossless) ReadRaw(dst []byte, off int64) error {
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
			if _, err := l.file.ReadBlock(l.data, i, nil); err != nil {
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
