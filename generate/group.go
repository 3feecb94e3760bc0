package generate

import (
	"context"
	"errors"
	"slices"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// group is texts that go through the weights together. It is for one goroutine.
type group struct {
	batch   *Batch
	pool    *Pool
	active  []*member // the first to begin first
	paused  []*member // those that had to give up their keys and values for the active ones, all of which began before
	steps   []transformer.Step
	weigher *weigher // of all samplers
}

// member is a text of a group, or a prompt whose state is wanted.
type member struct {
	*sequence
	ctx    context.Context // of this text alone
	client string
	done   func(*Result, error) error
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
	n.Sampler.weigher = g.weigher
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
	g.active = append(g.active, &member{q, ctx, r.Client, done})
	return nil
}

// pass takes all texts a token further, and the prompts, the first first, then guesses, as far as a pass
// has room beside that. Where there is no room for their keys and values, the last to begin are paused. After its error the
// texts are as they were.
func (g *group) pass(ctx context.Context) error {
	for {
		g.prepare()
		err := g.batch.Model.Forward(ctx, g.steps)
		switch {
		case err == nil:
			return g.read()
		case len(g.active) == 1 || !errors.Is(err, transformer.ErrCache):
			return err
		}
		g.pause()
	}
}

// prepare says what each text is to read in a pass.
func (g *group) prepare() {
	room := g.batch.Model.Plan.Chunk - len(g.active)
	g.steps = slices.Grow(g.steps[:0], len(g.active))[:len(g.active)]
	for _, guesses := range []bool{false, true} {
		for i, q := range g.active {
			if guesses == (len(q.guesses) > 0) {
				more := max(0, min(room, len(q.pending)-1))
				if g.batch.Model.Config.Bidirectional {
					more = len(q.pending) - 1 // a text is read as a whole
				}
				room -= more
				g.steps[i] = q.step(1 + more)
			}
		}
	}
}

// read takes note of what the texts have read.
func (g *group) read() error {
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

// fits tells whether there is room for a text's tokens, beside those that the others have still to read, and for all to go on for a while.
func (g *group) fits(ids []int) bool {
	m := g.batch.Model
	if whole := m.Plan.Contexts >= m.Plan.Sequences; whole || len(g.active) == 0 {
		return true
	}
	wanted := 0
	for _, q := range g.active {
		const page = transformer.CachePage
		wanted += page + (len(q.pending)-1)/page*page // the last pending one is what it goes on with
	}
	return m.CacheRoom(ids) >= wanted
}

// pause pauses the text that began last: it goes on later with the tokens that it has, which it reads again.
func (g *group) pause() {
	last := len(g.active) - 1
	q := g.active[last]
	g.active = g.active[:last]
	q.suspend()
	g.release(q)
	g.paused = slices.Insert(g.paused, 0, q)
}

// resume goes on with texts that were paused, as there is room for them. Errors are those of making a session.
func (g *group) resume() error {
	for len(g.paused) > 0 && g.fits(g.paused[0].pending) {
		q := g.paused[0]
		s, kept, err := g.pool.Acquire(context.WithoutCancel(q.ctx), q.pending)
		if err != nil {
			return err
		}
		q.session, q.pending = s, q.pending[kept:]
		g.paused, g.active = g.paused[1:], append(g.active, q)
	}
	return nil
}

// release gives a text's session back, if it has one.
func (g *group) release(q *member) {
	if q.session != nil {
		g.pool.Release(q.session)
		q.session = nil
	}
}

// finish ends a text that is in the group no more.
func (g *group) finish(q *member, err error) error {
	r, err := q.sequence.finish(q.ctx, err)
	g.release(q)
	return q.done(r, err)
}

// underWay returns how many texts of a client there are.
func (g *group) underWay(client string) int {
	n := 0
	for _, list := range [][]*member{g.active, g.paused} {
		for _, q := range list {
			if q.client == client {
				n++
			}
		}
	}
	return n
}

// abandon gives back what texts hold that nobody waits for any more.
func (g *group) abandon() {
	for _, q := range g.active {
		g.release(q)
	}
	g.active, g.paused = nil, nil
}
