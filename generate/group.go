package generate

import (
	"context"
	"slices"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// group is texts that go through the weights together. It is for one goroutine.
type group struct {
	batch      *Batch
	pool       *Pool
	active     []*member // the first to begin first
	steps      []transformer.Step
	candidates *[]candidate // of all samplers: they draw by turns
}

// member is a text of a group, or a prompt whose state is wanted.
type member struct {
	*sequence
	ctx  context.Context // of this text alone
	done func(*Result, error) error
}

// begin begins a request, or is done with it. The end of ctx ends the text.
func (g *group) begin(ctx context.Context, r *Request, emit func(Piece) error, done func(*Result, error) error) error {
	n := &Generator{Tokenizer: g.batch.Tokenizer, Stop: r.Stop, StopTexts: r.StopTexts, Show: r.Show, Logits: r.Logits, Adjust: r.Adjust, Lookup: g.batch.Lookup}
	err := g.batch.check(r)
	if err == nil {
		err = n.check()
	}
	if err == nil {
		n.Sampler, err = NewSampler(r.Sampling)
	}
	if err != nil {
		return done(&Result{Stop: StopError}, err)
	}
	n.Sampler.list = g.candidates
	s, kept, err := g.pool.Acquire(ctx, r.Prompt)
	if err != nil {
		return err
	}
	most := r.MaxTokens
	if most == 0 {
		most = g.batch.Model.Plan.Context
	}
	q := n.begin(s, r.Prompt, kept, most, emit)
	if r.LogProbs {
		q.chances = &chances{top: r.TopLogProbs}
	}
	g.active = append(g.active, &member{q, ctx, done})
	return nil
}

// pass takes all texts a token further, and the prompts, the first first, then guesses, as far as a pass
// has room beside that. After its error the texts are as they were.
func (g *group) pass(ctx context.Context) error {
	room := g.batch.Model.Plan.Chunk - len(g.active)
	g.steps = slices.Grow(g.steps[:0], len(g.active))[:len(g.active)]
	for _, guesses := range []bool{false, true} {
		for i, q := range g.active {
			if guesses == (len(q.guesses) > 0) {
				more := max(0, min(room, len(q.pending)-1))
				room -= more
				g.steps[i] = q.step(1 + more)
			}
		}
	}
	if err := g.batch.Model.Forward(ctx, g.steps); err != nil {
		return err
	}
	left := g.active[:0]
	for i, q := range g.active {
		err := q.read(context.WithoutCancel(q.ctx), len(g.steps[i].IDs)) // what has been read counts; the context ends the next pass
		if err == nil && !q.ended && q.session.Position()+len(q.pending) > g.batch.Model.Plan.Context {
			err = transformer.ErrContext
		}
		if err == nil && !q.ended {
			left = append(left, q)
			continue
		}
		if err := g.finish(q, err); err != nil {
			g.active = append(left, g.active[i+1:]...)
			return err
		}
	}
	g.active = left
	return nil
}

// finish ends a text that is not active any more.
func (g *group) finish(q *member, err error) error {
	g.pool.Release(q.session)
	return q.done(q.sequence.finish(q.ctx, err))
}

// abandon gives back what texts hold that nobody waits for any more.
func (g *group) abandon() {
	for _, q := range g.active {
		g.pool.Release(q.session)
	}
	g.active = nil
}
