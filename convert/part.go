package convert

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/model"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// Part is a part of a tensor's conversion that a machine makes by itself: some of its rows, which become a file like the
// tensor's; or, before those of a matrix that is stored by a codebook, a histogram of them, as all rows decide about the codebook together.
type Part struct {
	First int `json:"first,omitempty"` // row, the first of a block
	Rows  int `json:"rows"`
	// Count says that the weights are to be counted.
	Count bool `json:"count,omitempty"`
	// Book is the codebook of rows that are stored by one.
	Book []byte `json:"book,omitempty"`
}

// MadePart is what became of a Part, beside a file of rows, or of a histogram.
type MadePart struct {
	Sums []codebook.ErrorSum `json:"sums,omitempty"` // of rows: of the chunks that begin in them, in order
}

// Decides tells whether further items depend on what is made of this one.
func (w *Item) Decides() bool { return w.Part != nil && w.Part.Count }

// countCost is what counting takes beside what the same rows take: it reads and hashes them, too.
const countCost = 0.35

// Cost is about how much work the item is, in bytes of the source that are compressed meanwhile.
func (w *Item) Cost() float64 {
	if w.Decides() {
		return countCost * float64(w.Bytes)
	}
	return float64(w.Bytes)
}

// Whole is how many bytes the tensor has of which the item may be a part.
func (w *Item) Whole() int64 {
	if w.Part == nil {
		return w.Bytes
	}
	rows, cols := model.MatrixShape(w.Shape)
	return w.Bytes / int64(w.Part.reads(rows, cols, w.storage())) * int64(rows)
}

// reads is how many rows of the matrix [rows, cols] an item is of: its own, and with a codebook those that the last chunk
// has besides, which sums up what all of it loses.
func (p *Part) reads(rows, cols int, s storage) int {
	end := p.First + p.Rows
	if _, ok := s.(inCodebook); ok {
		step := chunkRows(cols)
		end = min(rows, (end+step-1)/step*step)
	}
	return end - p.First
}

// check refuses a part that a tensor has not: ErrItem.
func (p *Part) check(t *plannedTensor, w *Item) error {
	rows, cols := model.MatrixShape(t.Shape)
	_, codebooks := t.storage.(inCodebook)
	_, lossless := t.storage.(inLossless)
	some := p.First >= 0 && p.Rows > 0 && p.First < rows && p.Rows <= rows-p.First && p.First%t.rowsOfPart() == 0
	if (codebooks || lossless) && t.Type != "" && rows > 0 && cols > 0 && some && (codebooks || !p.Count) && w.Bytes == int64(p.reads(rows, cols, t.storage))*(t.Size/int64(rows)) {
		return nil
	}
	return fmt.Errorf("tensor %q: no part of rows %d and %d after them: %w", t.Name, p.First, p.Rows, ErrItem)
}

// checkPart refuses what cannot have come of the part: ErrItem.
func (w *Item) checkPart(m *MadePart) error {
	switch {
	case m == nil && w.Part == nil:
		return nil
	case m == nil || w.Part == nil || len(m.Sums) != w.Part.sums(w.Shape, w.storage()):
		return fmt.Errorf("tensor %.80q: the result is of another part: %w", w.Tensor, ErrItem)
	}
	return nil
}

// CheckFiles is Made.CheckFiles of what Check has let pass, and refuses files that cannot be the part's, too, which would not
// go together with others: ErrItem.
func (w *Item) CheckFiles(ctx context.Context, m *Made, path func(file string) string) error {
	if err := m.CheckFiles(ctx, path); err != nil || w.Part == nil {
		return err
	}
	if w.Decides() {
		return w.checkCount(path(m.Entry.File))
	}
	f, err := openPart(path(m.Entry.File), w.storage())
	if err != nil {
		return fmt.Errorf("tensor %.80q: %w: %w", w.Tensor, err, ErrItem)
	}
	defer f.Close()
	_, cols := model.MatrixShape(w.Shape)
	if h := f.Header(); f.Rows() != w.Part.Rows || f.Cols() != cols || h.BlockRows != w.Options.BlockRows || h.Encoding != w.Options.Codec {
		return fmt.Errorf("tensor %.80q: [%d, %d] in blocks of %d rows by %.20q: %w", w.Tensor, f.Rows(), f.Cols(), h.BlockRows, h.Encoding, ErrItem)
	}
	if m.Entry.Sidecar == nil {
		return nil
	}
	s, err := cdna.OpenSidecar(path(m.Entry.Sidecar.File))
	if err == nil && (s.Header.Rows != w.Part.Rows || s.Header.Cols != cols) {
		err = fmt.Errorf("outliers of [%d, %d], in %d rows", s.Header.Rows, s.Header.Cols, w.Part.Rows)
	}
	if err != nil {
		return fmt.Errorf("tensor %.80q: %w: %w", w.Tensor, err, ErrItem)
	}
	return nil
}

// openPart opens the file of rows.
func openPart(path string, s storage) (*cdna.Blocks, error) {
	if _, ok := s.(inLossless); ok {
		f, err := cdna.OpenLossless(path)
		if err != nil {
			return nil, err
		}
		return &f.Blocks, nil
	}
	f, err := cdna.Open(path)
	if err != nil {
		return nil, err
	}
	return &f.Blocks, nil
}

// sums is how many chunks begin in the part.
func (p *Part) sums(shape []int, s storage) int {
	if _, ok := s.(inCodebook); !ok || p.Count {
		return 0
	}
	_, cols := model.MatrixShape(shape)
	step := chunkRows(cols)
	return (p.First+p.Rows+step-1)/step - (p.First+step-1)/step
}

// part makes a part of a tensor.
func (c *conversion) part(ctx context.Context, t *plannedTensor, w *Item) (*Made, error) {
	entry, report := t.describe()
	m := &Made{Key: w.Key, Name: t.Name, Part: &MadePart{}}
	entry.OriginalBytes, report.SourceBytes, entry.SourceSHA256 = w.Bytes, w.Bytes, w.SHA256
	rows, cols := model.MatrixShape(t.Shape)
	at := int64(w.Part.First) * (t.Size / int64(rows))
	sum, err := place.SumBy(w.Bytes, func(p []byte, off int64) error { return t.ReadRaw(ctx, p, at+off) })
	if err == nil && sum != w.SHA256 {
		err = fmt.Errorf("%d bytes from byte %d have sha256 %s, not %s: %w", w.Bytes, at, sum, w.SHA256, ErrSource)
	}
	if err == nil {
		window := &rowWindow{matrix.Of(t, rows, cols), w.Part.First, w.Part.Rows}
		o := t.options
		o.Threads = c.threadsEach()
		switch _, codebooks := t.storage.(inCodebook); {
		case w.Decides():
			err = newEncoder(ctx, window, c.target(t), o).countTo(c.stage(t.file), w.Part.First)
		case codebooks:
			err = m.Part.quantize(newEncoder(ctx, window, c.target(t), o), w.Part, w.Part.reads(rows, cols, t.storage), &entry)
		default:
			raw := func(ctx context.Context, dst []byte, off int64) error { return t.ReadRaw(ctx, dst, at+off) }
			_, err = LosslessMatrix(ctx, RawMatrix{DType: t.Type, Rows: w.Part.Rows, Cols: cols, ReadRaw: raw}, t.Name, c.stage(t.file), o)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if entry.SHA256, report.Bytes, err = model.HashFile(ctx, c.stage(t.file)); err != nil {
		return nil, err
	}
	if s := entry.Sidecar; s != nil {
		if s.SHA256, s.Bytes, err = model.HashFile(ctx, c.stage(s.File)); err != nil {
			return nil, err
		}
	}
	m.Entry, m.Report = entry, report
	return m, nil
}

// target is where the files of a matrix stored by a codebook are written.
func (c *conversion) target(t *plannedTensor) Target {
	return Target{Name: t.Name, File: c.stage(t.file), Sidecar: c.stage(t.sidecar)}
}

// quantize writes the files of e's rows, of a codebook that has been designed.
func (m *MadePart) quantize(e *encoder, p *Part, read int, entry *model.Tensor) error {
	e.book = &codebook.Codebook{}
	if err := e.book.UnmarshalBinary(p.Book); err != nil {
		return fmt.Errorf("%w: %w", err, ErrItem)
	}
	sink, err := e.newSink()
	if err != nil {
		return err
	}
	defer sink.abort()
	if err := e.quantize(sink, p.First, read, func(sum *codebook.ErrorSum, whole bool) {
		e.errors.Merge(sum)
		if whole {
			m.Sums = append(m.Sums, *sum)
		}
	}); err != nil {
		return err
	}
	r, err := e.publish(sink)
	if err == nil && r.Outliers > 0 {
		entry.Sidecar = &model.Sidecar{File: filepath.Base(e.target.Sidecar), Outliers: r.Outliers}
	}
	return err
}

// rowWindow is a matrix of some rows of another, beyond whose end may be read.
type rowWindow struct {
	matrix.Source
	first, rows int
}

func (w *rowWindow) Rows() int { return w.rows }

func (w *rowWindow) ReadRows(ctx context.Context, dst []float32, a, b int) error {
	return w.Source.ReadRows(ctx, dst, w.first+a, w.first+b)
}

// join puts a matrix together of the parts that were made of it.
func (e *encoder) join(sink indexSink, made []*Made) error {
	end, err := e.parts.c.turn(e.ctx)
	if err != nil {
		return err
	}
	defer end()
	w, ok := sink.(version2Sink)
	if !ok {
		return fmt.Errorf("parts are of version 2: %w", ErrItem)
	}
	for i, m := range made {
		f, err := cdna.Open(e.parts.path(m.Entry.File))
		if err != nil {
			return fmt.Errorf("%w: %w", err, ErrItem)
		}
		err = w.w.CopyBlocks(e.ctx, f)
		f.Close()
		if err != nil {
			return err
		}
		for j := range m.Part.Sums {
			e.errors.Merge(&m.Part.Sums[j])
		}
		if m.Entry.Sidecar == nil {
			continue
		}
		s, err := cdna.OpenSidecar(e.parts.path(m.Entry.Sidecar.File))
		if err != nil {
			return fmt.Errorf("%w: %w", err, ErrItem)
		}
		if s.Header.Rows != e.parts.rows[i].Rows || s.Header.Cols != e.src.Cols() {
			return fmt.Errorf("outliers of [%d, %d], in %d rows: %w", s.Header.Rows, s.Header.Cols, e.parts.rows[i].Rows, ErrItem)
		}
		base := uint64(e.parts.rows[i].First) * uint64(e.src.Cols())
		for k, at := range s.Positions {
			e.outliers = append(e.outliers, codebook.Outlier{Position: base + at, Value: s.Value(k)})
		}
	}
	return e.parts.clear(made)
}

// lossless puts a lossless file together of the parts that are made of it.
func (p *parts) lossless(ctx context.Context, m RawMatrix, file string, o Options) (*MatrixReport, error) {
	each := o
	each.BlockRows = p.block
	made, err := p.make(ctx, each, nil)
	if err != nil {
		return nil, err
	}
	end, err := p.c.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return losslessFile(m, p.whole.Tensor, file, o, func(w *cdna.LosslessWriter) error {
		for _, m := range made {
			f, err := cdna.OpenLossless(p.path(m.Entry.File))
			if err != nil {
				return fmt.Errorf("%w: %w", err, ErrItem)
			}
			err = w.CopyBlocks(ctx, f)
			f.Close()
			if err != nil {
				return err
			}
		}
		return p.clear(made)
	})
}
