package calibrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/evaluate"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// maxReference is how many windows a divergence is measured over at most.
const maxReference = 8

// logitRows is how many of the vocabulary's tokens get their logits together.
const logitRows = 1024

// Reference is what a model thinks of windows of text: how far others are from it is measured
// layer by layer, in the memory that a calibration takes but for its sums. It is for one goroutine.
// Under a limit it sets the collector's as Run does, and leaves it so.
type Reference struct {
	at      checkpoint.Location
	windows [][]int
	options Options
	states  []float32 // before the output head, of the tokens that are scored
	copies  int       // of the windows' vectors that are held besides, with their logits
}

// NewReference runs the model at a place over windows of equal length, the first eight if there
// are more, such as a statistics file's that were held out. Of options, Memory, Threads, CPU, Verify
// and Progress count, which is called before each layer, here and by Divergence. Errors are ErrText where there is no window, memory.ErrLimit, ErrOverflow and
// those of transformer.OpenLayers.
func NewReference(ctx context.Context, at checkpoint.Location, windows [][]int, o Options) (*Reference, error) {
	if len(windows) == 0 {
		return nil, fmt.Errorf("no window is held out to measure a divergence: %w", ErrText)
	}
	r := &Reference{at: at, windows: windows[:min(len(windows), maxReference)], options: o}
	var err error
	if r.states, err = r.run(ctx, at); err != nil {
		return nil, err
	}
	return r, nil
}

// Windows is how many windows it knows.
func (r *Reference) Windows() int { return len(r.windows) }

// Divergence runs the model at a place, which has the reference's vocabulary, and says how far its
// predictions of the windows' second halves are from the reference's. Errors are NewReference's
// and evaluate.ErrVocabulary, evaluate.ErrLogits.
func (r *Reference) Divergence(ctx context.Context, at checkpoint.Location) (result *evaluate.DivergenceResult, err error) {
	states, err := r.run(ctx, at)
	if err != nil {
		return nil, err
	}
	w, err := r.open(ctx, at, headOnly)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.layers.Close()) }()
	truth, err := r.open(ctx, r.at, headOnly)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, truth.layers.Close()) }()
	if n, want := w.layers.Config.Vocab, truth.layers.Config.Vocab; n != want {
		return nil, fmt.Errorf("%s has %d tokens, %s %d: %w", at.Name, n, r.at.Name, want, evaluate.ErrVocabulary)
	}
	return compare(ctx, truth, w, r.states, states, r.next())
}

// next are the tokens that are predicted.
func (r *Reference) next() (ids []int) {
	for _, w := range r.windows {
		ids = append(ids, w[scored(len(w))+1:]...)
	}
	return ids
}

// scored is the first token of a window whose prediction is compared: as package evaluate does,
// those before only are context.
func scored(n int) int { return n / 2 }

// walk is a model that windows go through layer by layer.
type walk struct {
	layers   *transformer.Layers
	windows  [][]int
	progress func(Progress) // may be nil

	first   int // the layer that it began with, at
	started time.Time
}

// tell says which layer is next, and from the second one on for how long it will go on.
func (w *walk) tell(layer int) {
	if w.progress == nil {
		return
	}
	if w.started.IsZero() {
		w.first, w.started = layer, time.Now()
	}
	layers := w.layers.Config.Layers
	p := Progress{Layer: layer, Layers: layers, Done: float64(layer) / float64(layers), Tokens: len(w.windows) * len(w.windows[0])}
	if layer > w.first {
		p.Left = time.Since(w.started) / time.Duration(layer-w.first) * time.Duration(layers-layer)
	}
	w.progress(p)
}

// run returns the states of the model at a place, as walk.run does.
func (r *Reference) run(ctx context.Context, at checkpoint.Location) ([]float32, error) {
	w, err := r.open(ctx, at, allLayers)
	if err != nil {
		return nil, err
	}
	states, err := w.run(ctx)
	if err = errors.Join(err, w.layers.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", at.Name, err)
	}
	return states, nil
}

// part is what a model is opened for.
type part int

const (
	allLayers part = iota
	headOnly       // in next to none of the memory of passes, as two models are open together for it
)

// open opens a model and takes the memory that it needs.
func (r *Reference) open(ctx context.Context, at checkpoint.Location, what part) (*walk, error) {
	o, length := r.options, len(r.windows[0])
	limit := memory.Allowed(o.Memory)
	l, err := transformer.OpenLayers(ctx, at, transformer.LayersOptions{Context: length, Threads: o.Threads, CPU: o.CPU, Verify: o.Verify})
	if err != nil {
		return nil, err
	}
	c, tokens := l.Config, int64(len(r.windows)*length)
	if !c.HasHead() {
		return nil, errors.Join(fmt.Errorf("%s: %w", at.Name, transformer.ErrNoHead), l.Close())
	}
	// All windows' vectors, what is scored of them twice, and parts of the logits of two models.
	heap := 4*tokens*int64(l.Width()+c.Hidden) + 4*logitRows*(tokens+2*int64(c.Hidden))
	heap += int64(r.copies) * 4 * tokens * (int64(l.Width()+c.Hidden) + probeRows)
	d := demand{heap: heap, what: "to measure a divergence"}
	if r.copies > 0 {
		d.other = l.LargestMatrix()
	}
	p, err := planMemory(l, limit, d)
	if err == nil {
		if what == headOnly {
			p.chunk = 1
		}
		err = l.Begin(ctx, p.ledger, p.chunk)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", at.Name, err), l.Close())
	}
	return &walk{layers: l, windows: r.windows, progress: o.Progress}, nil
}

// run returns the states before the output head, of the tokens that are scored.
func (w *walk) run(ctx context.Context) ([]float32, error) {
	l, n := w.layers, w.layers.Config.Hidden
	xs, err := w.embed(ctx)
	if err != nil {
		return nil, err
	}
	for i := range l.Config.Layers {
		w.tell(i)
		if err := w.layer(ctx, i, xs); err != nil {
			return nil, err
		}
	}
	var states []float32
	for i, x := range xs {
		tokens := len(w.windows[i])
		states = append(states, l.Vectors(x)[scored(tokens)*n:(tokens-1)*n]...)
	}
	l.Norm(states)
	return states, nil
}

// embed returns the embeddings of each window's tokens.
func (w *walk) embed(ctx context.Context) ([][]float32, error) {
	n := w.layers.Width()
	xs := make([][]float32, len(w.windows))
	var ids []int
	for i, window := range w.windows {
		xs[i] = make([]float32, len(window)*n)
		ids = append(ids, window...)
	}
	slices.Sort(ids)
	return xs, w.layers.Embed(ctx, slices.Compact(ids), func(id int, x []float32) error {
		for i, window := range w.windows {
			for k, token := range window {
				if token == id {
					copy(xs[i][k*n:], x)
				}
			}
		}
		return nil
	})
}

func (w *walk) layer(ctx context.Context, i int, xs [][]float32) (err error) {
	y, err := w.layers.Layer(ctx, i)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, y.Close()) }()
	for _, x := range xs {
		if err := y.Run(ctx, x, nil); err != nil {
			return err
		}
	}
	return nil
}

// compare compares what two models predict after their states.
func compare(ctx context.Context, p, q *walk, x, y []float32, next []int) (result *evaluate.DivergenceResult, err error) {
	truth, err := p.layers.Head(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, truth.Close()) }()
	head, err := q.layers.Head(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, head.Close()) }()
	parts, vocab := evaluate.NewParts(next), p.layers.Config.Vocab
	a, b := make([]float32, len(next)*logitRows), make([]float32, len(next)*logitRows)
	for first := 0; first < vocab; first += logitRows {
		rows := min(logitRows, vocab-first)
		a, b := a[:len(next)*rows], b[:len(next)*rows]
		if err := truth.Logits(ctx, a, x, first, first+rows); err != nil {
			return nil, err
		}
		if err := head.Logits(ctx, b, y, first, first+rows); err != nil {
			return nil, err
		}
		parts.Add(first, rows, a, b)
	}
	return parts.Result()
}
