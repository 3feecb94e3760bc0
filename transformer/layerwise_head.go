package transformer

import (
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/stream"
)

// Head is the output head of a model that runs layer by layer, of which some rows are in memory
// at a time.
type Head struct {
	layers *Layers
	rows   headRows
}

// Head opens the output head, with no layer open. Errors are those of reading.
func (l *Layers) Head(ctx context.Context) (*Head, error) {
	rows, err := l.openHead(ctx)
	if err != nil {
		return nil, fmt.Errorf("output head: %w", err)
	}
	return &Head{l, rows}, nil
}

// Logits writes what the model predicts of the vocabulary's tokens [first, last) after each of the
// vectors x [n, hidden], which [Layers.Norm] gave, to y [n, last-first]. So many rows of a dense head
// are read for it, of a compressed one their blocks. Logits have the bits of [Model.Logits]. Errors
// are stream.ErrShape, those of reading and the context's.
func (h *Head) Logits(ctx context.Context, y, x []float32, first, last int) error {
	c := h.layers.Config
	n := len(x) / c.Hidden
	if n < 1 || n*c.Hidden != len(x) || first < 0 || last > c.Vocab || first >= last || len(y) != n*(last-first) {
		return fmt.Errorf("%d logits of tokens %d to %d for %d values: %w", len(y), first, last, len(x), stream.ErrShape)
	}
	if err := h.rows.product(ctx, y, x, first, last); err != nil {
		return fmt.Errorf("output head: %w", err)
	}
	return h.layers.model.softcap(ctx, new(capping), y)
}

// Close closes the head.
func (h *Head) Close() error { return h.rows.close() }

// headRows multiply by some rows of a matrix.
type headRows struct {
	product func(ctx context.Context, y, x []float32, a, b int) error
	close   func() error
}

// openHead opens the output head: a compressed one is streamed, of a dense one rows are read.
func (l *Layers) openHead(ctx context.Context) (headRows, error) {
	m, name := l.model, arch.HeadName
	if l.Config.TiedHead {
		name = l.Config.StoredEmbedding(m.source.has)
	}
	size, err := m.source.size(ctx, name)
	if err != nil {
		return headRows{}, err
	}
	if size.file != nil {
		if err := size.file.Close(); err != nil {
			return headRows{}, err
		}
		w, err := m.source.matrix(ctx, m.engine, name)
		if err != nil {
			return headRows{}, err
		}
		return headRows{func(ctx context.Context, y, x []float32, a, b int) error {
			_, err := w.RowsDot(ctx, y, x, a, b)
			return err
		}, w.Close}, nil
	}
	rows, err := m.source.rows(ctx, m.engine, name)
	if err != nil {
		return headRows{}, err
	}
	return headRows{func(ctx context.Context, y, x []float32, a, b int) error {
		return l.product(ctx, y, x, b-a, func(dst []float32, from, to int) error { return rows.Floats(ctx, dst, a+from, a+to) })
	}, rows.Close}, nil
}

// product multiplies vectors by so many rows that read gives.
func (l *Layers) product(ctx context.Context, y, x []float32, rows int, read func(dst []float32, a, b int) error) error {
	w, err := l.model.engine.NewDense(rows, l.Config.Hidden, read)
	if err != nil {
		return err
	}
	_, err = w.RowsDot(ctx, y, x, 0, rows)
	return errors.Join(err, w.Close())
}

// Product writes what some rows of an output head of other weights, which read gives, predict after
// vectors x [n, hidden] to y [n, rows]. Errors are stream.ErrShape, read's and the context's.
func (l *Layers) Product(ctx context.Context, y, x []float32, rows int, read func(dst []float32, a, b int) error) error {
	if err := l.product(ctx, y, x, rows, read); err != nil {
		return fmt.Errorf("output head: %w", err)
	}
	return l.model.softcap(ctx, new(capping), y)
}
