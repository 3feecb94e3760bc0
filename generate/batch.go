package generate

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Request is a text to continue in a batch.
type Request struct {
	Prompt   []int
	Sampling Options
	// MaxTokens is how many tokens are generated at most; 0: as many as the context has
	// room for.
	MaxTokens int
	Stop      []int    // as in Generator
	StopTexts []string // as in Generator
}

// Batch continues texts with a model, several at a time: they go through the weights
// together, which pays most where weights are streamed. Each text is what [Generator.Run]
// makes of it alone.
type Batch struct {
	Model     *transformer.Model
	Tokenizer *tokenizer.Tokenizer
	// Parallel is how many texts go together; 0 means 1. The model's plan has to have room
	// for as many sequences.
	Parallel int
	// Lookup is how many tokens are guessed at a time, at most, for each text: Generator.Lookup.
	// Guesses take what room prompts leave in a pass.
	Lookup int
}

// Run takes requests as there is room for them, and calls done with the number of each,
// from 0 on in the order of requests, and its result when it has ended: a short one may
// come before a longer one that was asked for first. Where a request is nil, there is none
// for now, and Run asks again when the next text has ended; it ends where none is left. The place of a text that has ended
// is the next request's at once. Prompts and texts under way share passes; what the
// session of an earlier request holds of a prompt is not computed again.
//
// What is wrong with one request alone is done's err, and the others go on: ErrPrompt,
// ErrOption, transformer.ErrContext for a prompt too long, transformer.ErrToken,
// ErrVocabulary and ErrLogits. Other errors, the context's and done's among them, end the
// run; no more calls of done come then.
func (b *Batch) Run(ctx context.Context, requests iter.Seq[*Request], done func(i int, r *Result, err error) error) (err error) {
	if b.Lookup < 0 {
		return fmt.Errorf("lookup %d is negative: %w", b.Lookup, ErrOption)
	}
	next, stop := iter.Pull(requests)
	defer stop()
	places := max(1, b.Parallel)
	pool := NewPool(b.Model, places)
	run := &batchRun{batch: b, pool: pool, done: done, candidates: new([]candidate)}
	defer func() {
		for _, q := range run.active {
			pool.Release(q.session)
		}
		if closed := pool.Close(); err == nil {
			err = closed
		}
	}()
	for more := true; more || len(run.active) > 0; {
		for more && len(run.active) < places {
			var r *Request
			if r, more = next(); r == nil {
				break
			}
			if err := run.begin(ctx, r); err != nil {
				return err
			}
		}
		if len(run.active) == 0 {
			return nil
		}
		for active := len(run.active); len(run.active) == active; {
			if err := run.pass(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// batchRun is a run of a batch.
type batchRun struct {
	batch      *Batch
	pool       *Pool
	done       func(int, *Result, error) error
	begun      int
	active     []*batchSequence // the first to begin first
	steps      []transformer.Step
	candidates *[]candidate // of all samplers: they draw by turns
}

// batchSequence is a sequence of a batch.
type batchSequence struct {
	*sequence
	number int
}

// begin begins a request, or is done with it.
func (b *batchRun) begin(ctx context.Context, r *Request) error {
	number := b.begun
	b.begun++
	g := &Generator{Tokenizer: b.batch.Tokenizer, Stop: r.Stop, StopTexts: r.StopTexts, Lookup: b.batch.Lookup}
	err := b.batch.check(r)
	if err == nil {
		err = g.check()
	}
	if err == nil {
		g.Sampler, err = NewSampler(r.Sampling)
	}
	if err != nil {
		return b.done(number, &Result{Stop: StopError}, err)
	}
	g.Sampler.list = b.candidates
	s, kept, err := b.pool.Acquire(ctx, r.Prompt)
	if err != nil {
		return err
	}
	n := r.MaxTokens
	if n == 0 {
		n = b.batch.Model.Plan.Context
	}
	b.active = append(b.active, &batchSequence{g.begin(s, r.Prompt, kept, n, func(string) error { return nil }), number})
	return nil
}

// check refuses what the model would not read or generate, before the others are in its pass.
func (b *Batch) check(r *Request) error {
	n, context := len(r.Prompt), b.Model.Plan.Context
	switch {
	case r.MaxTokens < 0:
		return fmt.Errorf("%d tokens at most: %w", r.MaxTokens, ErrOption)
	case n == 0:
		return ErrPrompt
	case n > context:
		return fmt.Errorf("a prompt of %d tokens, there is room for %d: %w", n, context, transformer.ErrContext)
	}
	for _, id := range r.Prompt {
		if id < 0 || id >= b.Model.Config.Vocab {
			return fmt.Errorf("token %d of a vocabulary of %d: %w", id, b.Model.Config.Vocab, transformer.ErrToken)
		}
	}
	return nil
}

// pass takes all texts a token further, and the prompts, the first first, then guesses, as far as a pass
// has room beside that.
func (b *batchRun) pass(ctx context.Context) error {
	room := b.batch.Model.Plan.Chunk - len(b.active)
	b.steps = slices.Grow(b.steps[:0], len(b.active))[:len(b.active)]
	for _, guesses := range []bool{false, true} {
		for i, q := range b.active {
			if guesses == (len(q.guesses) > 0) {
				more := max(0, min(room, len(q.pending)-1))
				room -= more
				b.steps[i] = q.step(1 + more)
			}
		}
	}
	if err := b.batch.Model.Forward(ctx, b.steps); err != nil {
		return err
	}
	left := b.active[:0]
	for i, q := range b.active {
		err := q.read(context.WithoutCancel(ctx), len(b.steps[i].IDs)) // what has been read counts; ctx ends the next pass
		if err == nil && !q.ended && q.session.Position()+len(q.pending) > b.batch.Model.Plan.Context {
			err = transformer.ErrContext
		}
		if err == nil && !q.ended {
			left = append(left, q)
			continue
		}
		b.pool.Release(q.session)
		result, err := q.finish(ctx, err)
		if err := b.done(q.number, result, err); err != nil {
			b.active = append(left, b.active[i+1:]...)
			return err
		}
	}
	b.active = left
	return nil
}
