package convert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/model"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// defaultPiece is about how many bytes of the source rows are that are made by themselves.
const defaultPiece = 16 << 20

// cut returns the rows that other machines make by themselves, nil for a tensor that they make whole: blocks of codebook
// and lossless matrices depend on no others. All rows decide about the steps and classes of lattice matrices.
func (c *conversion) cut(t *plannedTensor) []Part {
	switch t.storage.(type) {
	case inCodebook, inLossless:
	default:
		return nil
	}
	if c.job.Entropy || t.Type == "" { // which is measured of whole matrices; rows are no runs of bytes
		return nil
	}
	piece := c.job.Piece
	if piece <= 0 {
		piece = defaultPiece
	}
	rows, _ := model.MatrixShape(t.Shape)
	block := t.rowsOfPart()
	step := int(max(1, piece/(t.Size/int64(rows)*int64(block)))) * block
	if rows <= step {
		return nil
	}
	var list []Part
	for first := 0; first < rows; first += step {
		list = append(list, Part{First: first, Rows: min(step, rows-first)})
	}
	return list
}

// items is how many items a tensor is.
func (c *conversion) items(t *plannedTensor) int {
	n := len(c.cut(t))
	if _, ok := t.storage.(inCodebook); ok {
		n *= 2 // their histograms
	}
	return max(1, n)
}

// inParts has a tensor's parts made by the maker, and puts them together.
func (c *conversion) inParts(ctx context.Context, t *plannedTensor) (entry model.Tensor, report TensorReport, err error) {
	start := time.Now()
	entry, report = t.describe()
	p, err := c.parts(ctx, t)
	if err != nil {
		return entry, report, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	entry.SourceSHA256 = p.whole.SHA256
	joined := *t
	joined.parts = p
	if err = c.store(ctx, &joined, &entry, &report); err == nil {
		err = p.clear(p.counts)
	}
	report.Seconds = time.Since(start).Seconds()
	return entry, report, err
}

// parts are those of a tensor, on their way to other machines and back. One goroutine uses them.
type parts struct {
	c      *conversion
	whole  Item // of all of it, but for the key
	rows   []Part
	sums   []string // of what each reads
	block  int      // rows
	begun  bool     // the items that were announced are out
	counts []*Made  // the rows' histograms, nil: not made yet
}

// parts reads the tensor once, for the SHA-256 of all of it and of each part.
func (c *conversion) parts(ctx context.Context, t *plannedTensor) (*parts, error) {
	end, err := c.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	p := &parts{c: c, rows: c.cut(t), block: t.rowsOfPart()}
	rows, cols := model.MatrixShape(t.Shape)
	width := t.Size / int64(rows)
	spans := make([]span, len(p.rows))
	for i := range p.rows {
		from := int64(p.rows[i].First) * width
		spans[i] = span{from: from, to: from + int64(p.rows[i].reads(rows, cols, t.storage))*width, sum: sha256.New()}
	}
	sum, err := place.SumBy(t.Size, func(b []byte, off int64) error {
		if err := t.ReadRaw(ctx, b, off); err != nil {
			return err
		}
		for i := range spans {
			spans[i].add(b, off)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range spans {
		p.sums = append(p.sums, hex.EncodeToString(spans[i].sum.Sum(nil)))
	}
	p.whole = c.itemOf(t, sum)
	return p, nil
}

// span is a run of a tensor's bytes that is hashed while the tensor is.
type span struct {
	from, to int64
	sum      hash.Hash
}

// add takes what of b, bytes from off on, is in the span.
func (s *span) add(b []byte, off int64) {
	from, to := max(s.from, off), min(s.to, off+int64(len(b)))
	if from < to {
		s.sum.Write(b[from-off : to-off])
	}
}

// item is that of the part i, which is some of the rows.
func (p *parts) item(i int, part Part, o Options) (w Item, err error) {
	rows, cols := model.MatrixShape(p.whole.Shape)
	w = p.whole
	w.Part, w.Options, w.SHA256 = &part, o, p.sums[i]
	w.Bytes = int64(part.reads(rows, cols, p.whole.storage())) * (p.whole.Bytes / int64(rows))
	w.Options.Threads, w.Options.withoutOverhead = 0, false
	w.File = fmt.Sprintf("%s.%d.part", checksum([]byte(w.Tensor))[:32], part.First)
	if w.Sidecar != "" {
		w.Sidecar = w.File + sidecarEnding
	}
	if part.Count {
		w.File, w.Sidecar = w.File+".counts", ""
	}
	w.Key, err = w.Sum()
	return w, err
}

// make has all rows made, of a codebook where there is one, and their files compared with their hashes. join or lossless clears them.
func (p *parts) make(ctx context.Context, o Options, book *codebook.Codebook) (made []*Made, err error) {
	if p.begun {
		p.c.job.Maker.Expect(len(p.rows))
	}
	p.begun = true
	var text []byte
	if book != nil {
		if text, err = book.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	return p.each(ctx, o, func(part *Part) { part.Book = text })
}

// each has what becomes of all rows made elsewhere; as says of each what that is.
func (p *parts) each(ctx context.Context, o Options, as func(part *Part)) ([]*Made, error) {
	made := make([]*Made, len(p.rows))
	g, ctx := errgroup.WithContext(ctx)
	for i, part := range p.rows {
		as(&part)
		item, err := p.item(i, part, o)
		if err != nil {
			return nil, err
		}
		g.Go(func() (err error) {
			if made[i], err = p.c.job.Maker.Make(ctx, item, p.c.stage); err == nil {
				err = item.Check(made[i])
			}
			if err == nil {
				err = item.CheckFiles(ctx, made[i], p.c.stage)
			}
			return err
		})
	}
	return made, g.Wait()
}

// path is where the file of a part lies.
func (p *parts) path(name string) string { return p.c.stage(name) }

// clear removes the files of parts.
func (p *parts) clear(made []*Made) error {
	for _, m := range made {
		for name := range m.Files() {
			if err := os.Remove(p.path(name)); err != nil {
				return err
			}
		}
	}
	return nil
}
