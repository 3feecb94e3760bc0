package helix

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
)

// GenerateOptions say how a text is generated. The zero value always takes the most likely
// token, up to where the model ends the text: the same text every time. What the command
// line has for a default is beside each.
type GenerateOptions struct {
	// MaxTokens is how many tokens to generate at most (-n, 128); 0: as many as the context
	// has room for.
	MaxTokens int
	// Temperature flattens the distribution that tokens are drawn from (--temp, 0.8); 0
	// always takes the most likely one.
	Temperature float32
	// TopK leaves only the k most likely tokens (--top-k, 40); 0: all.
	TopK int
	// TopP leaves only the most likely tokens that together reach p (--top-p, 0.95); 0: all.
	TopP float32
	// MinP leaves only tokens at least this share of the most likely one's probability
	// (--min-p, 0.05); 0: all.
	MinP float32
	// RepeatPenalty divides the logits of the last 64 tokens (--repeat-penalty, 1); 0: none.
	RepeatPenalty float32
	// Seed chooses the random numbers (--seed, 0): the same seed gives the same text.
	Seed uint64
	// Lookup is how many tokens are guessed at a time, at most, from where the text's last ones
	// stood before, or by ModelOptions.Draft (--lookup): see generate.Generator. 0 guesses 16 where
	// weights are streamed, elsewhere 8 by a draft and none without; a negative number none. The text
	// does not depend on it.
	Lookup int
	// Stop are texts at which to stop: the text ends before the first that comes.
	Stop []string
	// Result, if it is set, is filled in when the text has ended, before the loop over it
	// does: what was done, also where that ended early. Texts that are generated at the
	// same time need one each.
	Result *Result
	// Receipt has a receipt made, which Result then holds. It takes reading all of the
	// model's files, once a model, and hashing every token's logits.
	Receipt bool
}

// Result tells what a generation did.
type Result struct {
	Text         string // without what it continued
	PromptTokens int    // of the prompt, or of the whole conversation, as far as it was read
	KeptTokens   int    // those of them that a session knew already, and that cost nothing
	OutputTokens int    // generated, without the token that ended the text
	Stop         generate.StopReason
	Forgotten    int // turns that a conversation has dropped for this one, for room
	Guessed      int // tokens, see GenerateOptions.Lookup
	Right        int // guesses that were
	PromptTime   time.Duration
	GenerateTime time.Duration
	// Receipt claims what the text is and of which model, so that it can be made again and
	// compared anywhere ('helix-substrate receipt replay', record.Replay); of a
	// conversation, all of its turns. It is nil unless it was asked for.
	Receipt *receipt.Execution
}

// Generate continues a text, with pieces of it as they become certain, whole characters at a
// time. An error is the last pair of the sequence, and there is no text with it: ErrContext and
// ErrMemory where the prompt is too long, ErrTextOption and ErrPrompt, ErrChecksum and the like
// of damaged weights, ErrClosed, and ctx's, whose end ends the text within a token.
//
// What the model begins a text with goes before the prompt; it may be all of it, so that an
// empty prompt is ErrPrompt only for a model that begins with nothing.
//
// Nothing happens before the loop begins; breaking out of it is not an error. Either way
// the model is as good as before, and what it has read is kept for a prompt that begins in
// the same way. While all of the model's sequences are in use, the loop waits its turn:
// with Sequences of 1, a use of the same model in the loop's body waits until ctx ends.
func (m *Model) Generate(ctx context.Context, prompt string, o GenerateOptions) iter.Seq2[string, error] {
	return m.texts(ctx, func(ctx context.Context, emit func(string) error) error {
		g, err := m.generator(o)
		if err != nil {
			return err
		}
		ids, err := generate.Encode(ctx, m.tokenizer, prompt, true)
		if err != nil {
			return err
		}
		s, kept, err := m.pool.Acquire(ctx, ids)
		if err != nil {
			return err
		}
		defer m.pool.Release(s)
		turns, err := m.startReceipt(ctx, &o, g)
		if err != nil {
			return err
		}
		g.Sampler.Reset(ids[:kept])
		r, err := recorded(turns, g, ids, kept, func() (*generate.Result, error) {
			return g.Run(ctx, s, ids[kept:], m.most(&o), emit)
		})
		return o.finish(ctx, r, err, kept, 0, turns)
	})
}

// most is how many tokens a text has at most.
func (m *Model) most(o *GenerateOptions) int { return cmp.Or(o.MaxTokens, m.model.Plan.Context) }

// generator returns a generator of the options' own.
func (m *Model) generator(o GenerateOptions) (*generate.Generator, error) {
	if o.MaxTokens < 0 {
		return nil, fmt.Errorf("%d tokens at most: %w", o.MaxTokens, generate.ErrOption)
	}
	if o.Receipt && o.Result == nil {
		return nil, fmt.Errorf("a receipt needs a result to be in: %w", generate.ErrOption)
	}
	sampler, err := generate.NewSampler(o.sampling())
	if err != nil {
		return nil, err
	}
	lookup := cmp.Or(o.Lookup, generate.DefaultLookup(m.model.Plan))
	return &generate.Generator{Tokenizer: m.tokenizer, Sampler: sampler, StopTexts: o.Stop, Lookup: max(0, lookup), Draft: m.drafts}, nil
}

// sampling is how tokens are drawn.
func (o *GenerateOptions) sampling() generate.Options {
	return generate.Options{
		Temperature: o.Temperature, TopK: o.TopK, TopP: o.TopP, MinP: o.MinP, RepeatPenalty: o.RepeatPenalty, Seed: o.Seed,
	}
}

// finish fills in the result of a run. That ctx ended it is an error, that the loop did is
// not.
func (o *GenerateOptions) finish(ctx context.Context, r *generate.Result, err error, kept, forgotten int, turns *record.Generation) error {
	if o.Result != nil {
		*o.Result = Result{
			Text: r.Text, PromptTokens: kept + len(r.PromptIDs), KeptTokens: kept, OutputTokens: len(r.OutputIDs), Stop: r.Stop,
			Forgotten: forgotten, Guessed: r.Guessed, Right: r.Right, PromptTime: r.PromptTime, GenerateTime: r.GenerateTime,
		}
		if turns != nil {
			turns.Measurements.Memory.PeakRSS, _ = memory.Peak()
			var failed error
			o.Result.Receipt, failed = turns.Receipt(time.Now())
			err = errors.Join(err, failed)
		}
	}
	if err == nil && r.Stop == generate.StopCancel {
		err = ctx.Err()
	}
	return err
}

// texts makes a sequence of what do emits, and of its error.
func (m *Model) texts(ctx context.Context, do func(ctx context.Context, emit func(string) error) error) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		broken := false
		err := m.use(ctx, func(ctx context.Context) error {
			return do(ctx, func(text string) error {
				if text == "" {
					return nil
				}
				if broken = !yield(text, nil); broken {
					return generate.ErrBreak
				}
				return nil
			})
		})
		if err != nil && !broken {
			yield("", err)
		}
	}
}
