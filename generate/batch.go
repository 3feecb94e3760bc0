package generate

import (
	"context"
	"fmt"
	"iter"

	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Request is a text to continue in a batch.
type Request struct {
	Prompt   []int
	Client   string // whose it is: of those that wait in a Scheduler, clients with the fewest texts under way come first
	Sampling Options
	// MaxTokens is how many tokens are generated at most; 0: as many as the context has
	// room for.
	MaxTokens int
	Stop      []int    // as in Generator
	StopTexts []string // as in Generator
	Show      []int    // as in Generator
	// Logits and Adjust are as in Generator. An error ends the text. They run on whatever goroutine, at the same time as other texts' perhaps,
	// all of which wait for them.
	Logits func(logits []float32) error
	Adjust func(drawn []int, logits []float32) error
	// LogProbs asks for every token's chance, and that of so many of the likeliest in its place.
	LogProbs    bool
	TopLogProbs int
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
	g := &group{batch: b, pool: pool, weigher: newWeigher(b.Model.CPU())}
	defer func() {
		g.abandon()
		if closed := pool.Close(); err == nil {
			err = closed
		}
	}()
	begun := 0
	for more := true; more || len(g.active) > 0; {
		if err := g.resume(); err != nil {
			return err
		}
		for more && len(g.paused) == 0 && len(g.active) < places {
			var r *Request
			if r, more = next(); r == nil {
				break
			}
			number := begun
			begun++
			err := g.begin(ctx, r, noText, func(r *Result, err error) error { return done(number, r, err) })
			if err != nil {
				return err
			}
		}
		if len(g.active) == 0 {
			return nil
		}
		for active := len(g.active); len(g.active) == active; {
			if err := g.pass(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// noText takes no text.
func noText(Piece) error { return nil }

// check refuses what the model would not read or generate, before the others are in its pass.
func (b *Batch) check(r *Request) error {
	switch {
	case r.MaxTokens < 0:
		return fmt.Errorf("%d tokens at most: %w", r.MaxTokens, ErrOption)
	case r.TopLogProbs < 0:
		return fmt.Errorf("chances of %d tokens: %w", r.TopLogProbs, ErrOption)
	}
	return b.checkPrompt(r.Prompt)
}

// checkPrompt refuses tokens that the model would not read.
func (b *Batch) checkPrompt(ids []int) error {
	n, context := len(ids), b.Model.Plan.Context
	switch {
	case n == 0:
		return ErrPrompt
	case n > context:
		return fmt.Errorf("a prompt of %d tokens, there is room for %d: %w", n, context, transformer.ErrContext)
	}
	for _, id := range ids {
		if id < 0 || id >= b.Model.Config.Vocab {
			return fmt.Errorf("token %d of a vocabulary of %d: %w", id, b.Model.Config.Vocab, transformer.ErrToken)
		}
	}
	return nil
}
