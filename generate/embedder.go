package generate

import (
	"context"
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/embedding"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Embedder makes vectors of texts, as the model's files say (package embedding). It is safe for concurrent use.
type Embedder struct {
	tokenizer *tokenizer.Tokenizer
	pipeline  *embedding.Pipeline
	err       error
}

// Embedder reads how the model makes vectors of texts, before its memory is planned. What is wrong with its files is an error when
// a vector is asked for: other uses of the model do not look at them. Errors are the context's.
func (o *Opening) Embedder(ctx context.Context) (*Embedder, error) {
	at, err := o.Location(ctx)
	if err != nil {
		return nil, err
	}
	e := &Embedder{tokenizer: o.Tokenizer}
	if e.pipeline, e.err = embedding.Open(ctx, at, o.options.Verify); ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	o.embedder = e
	return e, nil
}

// Fit fits the embedder to the model that was opened.
func (e *Embedder) Fit(c *arch.Config) {
	if e.err == nil {
		e.err = e.pipeline.Fit(c)
	}
}

// Pipeline is what the model's files say. Errors are embedding.ErrModule and those of reading them.
func (e *Embedder) Pipeline() (*embedding.Pipeline, error) { return e.pipeline, e.err }

// EmbedText is a text as the model is to read it.
type EmbedText struct {
	IDs []int
	Cut bool // it is longer than the model is made for: its end is left out
	// Prompt is how many of the first tokens are the prompt's and not to be a part of the vector.
	Prompt int
}

// Encode returns a text's ids, with the prompt of a name before it, or that which the model says where the name is "". Errors are
// embedding.ErrModule, embedding.ErrPrompt, memory.ErrLimit, those of the tokenizer and the context's.
func (e *Embedder) Encode(ctx context.Context, text, prompt string) (t EmbedText, err error) {
	if e.err != nil {
		return t, e.err
	}
	before, err := e.pipeline.Prompt(prompt)
	if err != nil {
		return t, err
	}
	if e.pipeline.Lowercase() {
		if err := e.lowers(); err != nil {
			return t, err
		}
	}
	if err := fitsMemory(e.tokenizer, before+text); err != nil {
		return t, err
	}
	if t.IDs, t.Cut, err = e.encode(ctx, before+text); err != nil || before == "" || !e.pipeline.LeavesPromptOut() {
		return t, err
	}
	alone, _, err := e.encode(ctx, before)
	t.Prompt = len(alone)
	if n := t.Prompt; n > 0 && e.tokenizer.IsSpecial(alone[n-1]) {
		t.Prompt--
	}
	return t, err
}

// encode returns a text's ids, as many as the model is made for.
func (e *Embedder) encode(ctx context.Context, text string) (ids []int, cut bool, err error) {
	type encoded struct { // of its own, as who has cancelled does not wait for it
		ids []int
		cut bool
	}
	t, err := await(ctx, func() (t encoded, err error) {
		if e.pipeline.MaxTokens == 0 {
			t.ids, err = e.tokenizer.Encode(text, true)
			return t, err
		}
		t.ids, t.cut, err = e.tokenizer.EncodeAtMost(text, e.pipeline.MaxTokens)
		return t, err
	})
	if err != nil {
		return nil, false, err
	}
	if len(t.ids) == 0 {
		return nil, false, fmt.Errorf("embed: %w", ErrPrompt)
	}
	return t.ids, t.cut, nil
}

// lowers refuses small letters unless the tokenizer makes them anyway.
func (e *Embedder) lowers() error {
	a, err := e.tokenizer.Encode("ABC", false)
	if err != nil {
		return err
	}
	b, err := e.tokenizer.Encode("abc", false)
	if err == nil && !slices.Equal(a, b) {
		err = fmt.Errorf("%s: do_lower_case, which the tokenizer does not do: %w", embedding.LengthName, embedding.ErrModule)
	}
	return err
}

// Vectors returns texts' vectors, which are the caller's: each text goes through the model in the session of its number, from where that stands on, all of them
// together. Raw leaves out a normalization in the end. Errors are embedding.ErrModule and those of transformer.Model.Forward.
func (e *Embedder) Vectors(ctx context.Context, m *transformer.Model, sessions []*transformer.Session, texts []EmbedText, raw bool) ([][]float32, error) {
	if e.err != nil {
		return nil, e.err
	}
	steps, pools := make([]transformer.Step, len(texts)), make([]*embedding.Pool, len(texts))
	for i, t := range texts {
		s := sessions[i]
		if e.First(len(t.IDs)) < s.Position() {
			s.Reset(0)
		}
		kept, pool := s.Position(), e.pipeline.Pool(len(t.IDs), t.Prompt)
		pools[i] = pool
		steps[i] = transformer.Step{Session: s, IDs: t.IDs[kept:], First: e.First(len(t.IDs)) - kept, Hidden: func(at int, state []float32) error {
			pool.Add(kept+at, state)
			return nil
		}}
	}
	if err := m.Forward(ctx, steps); err != nil {
		return nil, err
	}
	vectors := make([][]float32, len(texts))
	for i := range texts {
		vectors[i] = pools[i].Vector(raw)
	}
	return vectors, nil
}

// Width returns the length of vectors, once the embedder fits the model; 0 where it makes none.
func (e *Embedder) Width() int {
	if e.err != nil {
		return 0
	}
	return e.pipeline.Width()
}

// First is the first of a text's tokens of which the state is needed.
func (e *Embedder) First(tokens int) int {
	if e.err != nil {
		return tokens - 1
	}
	return e.pipeline.First(tokens)
}
