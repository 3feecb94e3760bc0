package server

import (
	"context"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// designed is a model that is planned as it is served, before its weights are opened. Its opening is to be loaded or closed.
type designed struct {
	opening  *generate.Opening
	embedder *generate.Embedder
	plan     *transformer.Plan
	engine   transformer.Options // with what the server reserves

	parallel, contexts, waiting int
}

// design plans the model at path. Errors are those of generate.Begin and of planning, memory.ErrLimit among them.
func design(ctx context.Context, path string, o ModelOptions) (*designed, error) {
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	if o.Waiting == 0 {
		o.Waiting = 64
	}
	d := &designed{waiting: max(0, o.Waiting)}
	o.Engine.Reserve += serverMemory + int64(o.Parallel+1)*(grammar.Memory+formedPerPlace*grammar.GrammarMemory) + formsKept*(grammar.Memory+grammar.GrammarMemory)
	o.Engine.ReservePerToken = serverMemoryPerToken + receiptPerToken + 8*int64(d.waiting)
	d.engine = o.Engine
	var err error
	if d.opening, err = generate.Begin(ctx, path, o.Engine); err != nil {
		return nil, err
	}
	forms := int64(o.Parallel + 1 + formsKept) // of which masks may be kept
	d.opening.Reserve((grammar.VocabularyMemory + grammar.MaskMemory*forms) * int64(d.opening.Tokenizer.VocabSize()))
	if d.embedder, err = d.opening.Embedder(ctx); err == nil {
		d.parallel, d.contexts, err = d.opening.Sharing(ctx, o.Parallel)
	}
	if err == nil {
		d.plan, err = d.opening.Plan(ctx)
	}
	if err != nil {
		d.opening.Close()
		return nil, err
	}
	return d, nil
}
