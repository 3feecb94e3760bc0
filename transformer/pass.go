package transformer

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/arch"
)

// pass is one way of some tokens through the layers. A model makes one at a time, in the
// same memory.
type pass struct {
	model *Model
	under chan struct{} // has one element while a pass is under way
	scratch
	rows   []row
	wanted []int                                 // rows that get logits; their states lie together in normed
	firsts []int                                 // which of those that get them together are the first of a step
	added  func(x []float32) error               // is shown the residual stream after attention and after the feed-forward layer; nil: nobody looks
	kept   func(row int, keys, values []float32) // is shown each row's, from several goroutines; nil: nobody looks
	tasks
}

// row is a token of a pass. Rows know their sequence's cache and their place in it, so
// that those of several sequences go together.
type row struct {
	cache    *cache
	position int   // in the cache
	rotary   int   // in what its rotary embedding knows of
	step     *Step // whose token it is
	token    int   // its number among the step's tokens, or again
	id       int
}

// begin waits for the pass that is under way and begins one.
func (m *Model) begin(ctx context.Context) (*pass, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	select {
	case m.pass.under <- struct{}{}:
		return &m.pass, nil
	case <-m.ended:
		return nil, errClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// inPass does something in a pass of its own, which ends however that does.
func (m *Model) inPass(ctx context.Context, do func(p *pass) error) error {
	p, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer p.end()
	return do(p)
}

// end lets the next pass begin.
func (p *pass) end() {
	clear(p.rows) // nothing of the sessions is kept
	p.tasks, p.added, p.kept = tasks{}, nil, nil
	p.rows = p.rows[:0]
	<-p.under
}

// add adds a row that stands at a position of a cache and has the rotary embedding of another.
func (p *pass) add(k *cache, position, rotary int) {
	i := len(p.rows)
	p.rows = append(p.rows, row{cache: k, position: position, rotary: rotary})
	for kind, r := range []arch.Rope{p.model.Config.Rope, p.model.Config.LocalRope} {
		if kind == 1 && p.model.Config.SlidingWindow == 0 {
			return
		}
		f := &p.model.frequencies[kind]
		if i == len(p.rotations[kind]) {
			p.rotations[kind] = append(p.rotations[kind], newRotation(len(f.freq), r.Interleaved))
		}
		if t := &p.rotations[kind][i]; t.position != rotary {
			t.set(f.freq, f.factor, rotary)
			t.position = rotary
		}
	}
}

// rotation returns the rotation of row i in layer l, which turns nothing where the layer has none.
func (p *pass) rotation(l, i int) rotation {
	if !p.model.Config.HasRope(l) {
		return rotation{}
	}
	if p.model.Config.IsLocal(l) {
		return p.rotations[1][i]
	}
	return p.rotations[0][i]
}

// run takes the rows through the model and shows what is wanted of them. It tells whether
// the rows are done: also where the error is a visitor's.
func (p *pass) run(ctx context.Context) (done bool, err error) {
	n := p.model.Config.Hidden
	x := p.x[:len(p.rows)*n]
	for i, r := range p.rows {
		if err := p.model.embed(ctx, x[i*n:][:n], r.id); err != nil {
			return false, err
		}
	}
	if err := p.preparePerLayer(ctx, x); err != nil {
		return false, err
	}
	for l := range p.model.blocks {
		if err := p.block(ctx, l, x); err != nil {
			return false, fmt.Errorf("layer %d: %w", l, err)
		}
	}
	return p.visit(ctx, x)
}

// embed writes the embedding of a token to x.
func (m *Model) embed(ctx context.Context, x []float32, id int) error {
	if err := m.embeddings.Floats(ctx, x, id, id+1); err != nil {
		return fmt.Errorf("embedding of token %d: %w", id, err)
	}
	if s := m.Config.EmbedScale; s != 1 {
		scale(x, s)
	}
	return nil
}
