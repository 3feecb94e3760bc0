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
	// ErrBreak ends a run when emit returns it, as the end of the context does.
	ErrBreak = errors.New("no more text is wanted")
)

// Generator continues texts with a model. Ids that the model has and the tokenizer
// has not, as where a vocabulary was padded, are never drawn.
type Generator struct {
	Tokenizer *tokenizer.Tokenizer
	Sampler   *Sampler
	// Stop are token ids that end the text, besides the tokenizer's.
	Stop []int
	// StopTexts end the text too: it goes up to where the first of them begins. What may
	// be the beginning of one is held back until it is certain.
	StopTexts []string
	// Show are special tokens that are written in the text; others are not.
	Show []int
	// Logits, if set, is shown what each token is drawn from, before the sampler
	// changes it; an error ends the run. The slice is valid until it returns. With Lookup it may
	// have been shown more than Result.Drawn, of guesses after what ended the run.
	Logits func(logits []float32) error
	// Adjust, if set, may change the logits that each token is drawn from, after Logits and before the sampler;
	// drawn are the tokens of the text so far, and -Inf excludes a token. Nothing is guessed then. An error ends the run; it
	// keeps neither slice.
	Adjust func(drawn []int, logits []float32) error
	// Lookup is how many tokens are guessed at a time, at most, from where the text's last ones
	// stood before, or by Draft; 0 guesses none. The text is the same, and weights are read fewer
	// times.
	Lookup int
	// Draft, if set, has sessions of a smaller model with the same vocabulary
	// (transformer.Model.Draft), as many as texts are generated at a time. It guesses by what it would say next itself,
	// as far as its context goes.
	Draft *Pool
}

// Result tells what a run did.
type Result struct {
	PromptIDs    []int  // those that the model read: all, unless something went wrong
	Kept         int    // of PromptIDs: their keys and values were there from a text before
	OutputIDs    []int  // without the token that stopped it
	Text         string // of OutputIDs
	Stop         StopReason
	StopText     string // that ended it; "": none did
	Drawn        int    // tokens, with the one that stopped it, or that could not be drawn
	Guessed      int    // tokens, see Generator.Lookup
	Right        int    // guesses that were
	PromptTime   time.Duration
	GenerateTime time.Duration
}

// StopReason says why a text ended.
type StopReason string

// The stop reasons.
const (
	StopToken   StopReason = "stop"    // the model said so, or a stop text came
	StopLength  StopReason = "length"  // as many tokens as asked for
	StopContext StopReason = "context" // the context is full
	StopCancel  StopReason = "cancelled"
	StopError   StopReason = "error"
)

// Run adds prompt to the session and generates up to n tokens, giving emit the text
// as it becomes certain, whole characters at a time. When the context ends, or emit
// returns ErrBreak, Run returns what there is with StopCancel and no error; on other
// errors, what there was, with StopError: ErrPrompt, ErrOption, ErrVocabulary, ErrLogits,
// those of transformer.Session.Forward, of the model and of the draft, emit's, and that of Logits.
func (g *Generator) Run(ctx context.Context, s *transformer.Session, prompt []int, n int, emit func(text string) error) (*Result, error) {
	err := g.check()
	if len(prompt) == 0 {
		err = ErrPrompt
	}
	if err != nil {
		return &Result{Stop: StopError}, err
	}
	q := g.begin(s, prompt, 0, n, func(p Piece) error { return emit(p.Text) })
	defer q.release()
	for err == nil && !q.ended {
		step := q.step(len(q.pending))
		if err = s.Forward(ctx, step.IDs, step.First, step.Visit); err == nil {
			err = q.read(ctx, len(step.IDs))
		} else {
			q.failed()
		}
	}
	return q.finish(ctx, err)
}

// check refuses a stop text that every text begins with, and fewer guesses than none.
func (g *Generator) check() error {
	if slices.Contains(g.StopTexts, "") {
		return fmt.Errorf("a stop text is empty: %w", ErrOption)
	}
	if g.Lookup < 0 {
		return fmt.Errorf("lookup %d is negative: %w", g.Lookup, ErrOption)
	}
	return nil
}

// StopIDs returns the ids that end a text, in a list of the caller's.
func (g *Generator) StopIDs() []int {
	return append(slices.Clone(g.Stop), g.Tokenizer.EOS()...)
}

// checkVocabulary returns ErrVocabulary if the tokenizer has tokens beyond the
// model's vocabulary. Special ones may be: Gemma 3 has one for images that its text
// models leave out.
func checkVocabulary(t *tokenizer.Tokenizer, vocab int) error {
	for id := vocab; id < t.VocabSize(); id++ {
		if !t.IsSpecial(id) && t.Token(id) != "" {
			return fmt.Errorf("%w: %q is token %d of a vocabulary of %d", ErrVocabulary, t.Token(id), id, vocab)
		}
	}
	return nil
}
