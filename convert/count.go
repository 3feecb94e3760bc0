package convert

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/model"
)

// A codebook is designed by a histogram of all of its matrix. Other machines count the rows; their counts are files, which this one adds up. That
// has no rounding, so the design is that of one machine.

// maxHistogram bounds the file of a histogram: 2^19 bins, of 16 bytes at most.
const maxHistogram = 16<<19 + 1<<10

// countTo writes the histogram of e's rows, the first of which is so in the tensor.
func (e *encoder) countTo(path string, first int) error {
	h, err := e.histogram(first)
	if err != nil {
		return err
	}
	text, err := h.MarshalBinary()
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// count has the rows counted, once.
func (p *parts) count(ctx context.Context, o Options) (err error) {
	if p.counts == nil {
		// Nothing else is part of what is to be done, so that the counts serve for other rates.
		o = Options{Method: o.Method, BlockRows: p.block, NonFinite: o.NonFinite}
		p.counts, err = p.each(ctx, o, func(part *Part) { part.Count = true })
	}
	return err
}

// histogram adds up the rows' counts. They are read for each design, as all tensors are on their way at once.
func (p *parts) histogram() (*codebook.Histogram, error) {
	all := codebook.NewHistogram()
	for _, m := range p.counts {
		h, err := readHistogram(p.path(m.Entry.File))
		if err != nil {
			return nil, err
		}
		all.Merge(h)
	}
	return all, nil
}

// readHistogram reads a file of countTo. Errors: ErrItem.
func readHistogram(path string) (*codebook.Histogram, error) {
	text, err := regularfile.ReadAll(path, maxHistogram)
	h := codebook.NewHistogram()
	if err == nil {
		err = h.UnmarshalBinary(text)
	}
	if errors.Is(err, regularfile.ErrTooLarge) || errors.Is(err, codebook.ErrEncoding) {
		err = fmt.Errorf("%w: %w", err, ErrItem)
	}
	return h, err
}

// checkCount refuses a file that cannot be the histogram of the item's rows: ErrItem.
func (w *Item) checkCount(path string) error {
	h, err := readHistogram(path)
	if err != nil {
		return fmt.Errorf("tensor %.80q: %w", w.Tensor, err)
	}
	_, cols := model.MatrixShape(w.Shape)
	if n := uint64(w.Part.Rows) * uint64(cols); h.Count() > n || h.Count() < n && !w.Options.NonFinite {
		return fmt.Errorf("tensor %.80q: %d weights counted of %d: %w", w.Tensor, h.Count(), n, ErrItem)
	}
	return nil
}
