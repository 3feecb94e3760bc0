package generate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

var (
	// ErrPrompt reports a prompt of no tokens.
	ErrPrompt = errors.New("the prompt is empty")
	// ErrVocabulary reports a tokenizer with tokens that the model does not have.
	ErrVocabulary = errors.New("tokenizer and model do not belong together")
)

// Generator continues texts with a model. Ids that the model has and the tokenizer
// has not, as where a vocabulary was padded, are never drawn.
type Generator struct {
	Tokenizer *tokenizer.Tokenizer
	Sampler   *Sampler
	// Stop are token ids that end the text, besides the tokenizer's.
	Stop []int
	// Logits, if set, is shown what each token is drawn from, before the sampler
	// changes it; an error ends the run. The slice is valid until it returns.
	Logits func(logits []float32) error
}

// Result tells what a run did.
type Result struct {
	PromptIDs    []int  // those that the model read: all, unless something went wrong
	OutputIDs    []int  // without the token that stopped it
	Text         string // of OutputIDs
	Stop         StopReason
	PromptTime   time.Duration
	GenerateTime time.Duration
}

// StopReason says why a text ended.
type StopReason string

// The stop reasons.
const (
	StopToken   StopReason = "stop"    // the model said so
	StopLength  StopReason = "length"  // as many tokens as asked for
	StopContext StopReason = "context" // the context is full
	StopCancel  StopReason = "cancelled"
	StopError   StopReason = "error"
)

// Run adds prompt to the session and generates up to n tokens, giving emit the text
// as it becomes certain, whole characters at a time. When the context ends, Run
// returns what there is with StopCancel and no error; on other errors, what there
// was, with StopError.
func (g *Generator) Run(ctx context.Context, s *transformer.Session, prompt []int, n int, emit func(text string) error) (*Result, error) {
	r := &Result{Stop: StopLength}
	if len(prompt) == 0 {
		r.Stop = StopError
		return r, ErrPrompt
	}
	for _, id := range prompt {
		g.Sampler.Accept(id)
	}
	stop := g.StopIDs()
	decoder := g.Tokenizer.StreamSkip(true)
	for _, id := range prompt {
		decoder.Next(id) // the first word's blank depends on what stands before it
	}
	start, before := time.Now(), s.Position()
	next, err := g.step(ctx, s, prompt)
	r.PromptIDs = prompt[:s.Position()-before]
	r.PromptTime = time.Since(start)
	start = time.Now()
	for err == nil && len(r.OutputIDs) < n {
		if slices.Contains(stop, next) {
			r.Stop = StopToken
			break
		}
		r.OutputIDs = append(r.OutputIDs, next)
		text := decoder.Next(next)
		r.Text += text
		if err = emit(text); err != nil {
			break
		}
		if len(r.OutputIDs) == n {
			break
		}
		next, err = g.step(ctx, s, []int{next})
	}
	r.GenerateTime = time.Since(start)
	rest := decoder.Flush()
	r.Text += rest
	if errors.Is(err, transformer.ErrContext) && len(r.OutputIDs) > 0 {
		r.Stop, err = StopContext, nil
	}
	if err == nil {
		err = emit(rest)
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		r.Stop, err = StopCancel, nil
	default:
		r.Stop, err = StopError, fmt.Errorf("after %d tokens: %w", len(r.OutputIDs), err)
	}
	return r, err
}

// StopIDs returns the ids that end a text, in a list of the caller's.
func (g *Generator) StopIDs() []int {
	return append(slices.Clone(g.Stop), g.Tokenizer.EOS()...)
}

// step adds tokens and draws the next one.
func (g *Generator) step(ctx context.Context, s *transformer.Session, ids []int) (next int, err error) {
	err = s.Forward(ctx, ids, len(ids)-1, func(_ int, logits []float32) error {
		if err := CheckVocabulary(g.Tokenizer, len(logits)); err != nil {
			return err
		}
		if g.Logits != nil {
			if err := g.Logits(logits); err != nil {
				return err
			}
		}
		next, err = g.Sampler.Next(logits[:min(len(logits), g.Tokenizer.VocabSize())])
		return err
	})
	return next, err
}

// CheckVocabulary returns ErrVocabulary if the tokenizer has tokens beyond the
// model's vocabulary. Special ones may be: Gemma 3 has one for images that its text
// models leave out.
func CheckVocabulary(t *tokenizer.Tokenizer, vocab int) error {
	for id := vocab; id < t.VocabSize(); id++ {
		if !t.IsSpecial(id) && t.Token(id) != "" {
			return fmt.Errorf("%w: %q is token %d of a vocabulary of %d", ErrVocabulary, t.Token(id), id, vocab)
		}
	}
	return nil
}
