package record

import (
	"context"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// ReplayAnswer is [Replay] of a text of one turn on a model that is open already, which the caller knows to be the one that is claimed:
// do continues the text that is asked for, such as generate.Scheduler.Do, among others that it continues. name is what
// errors call the receipt.
func ReplayAnswer(ctx context.Context, e *receipt.Execution, name string, vocabulary func() *grammar.Vocabulary, do func(context.Context, *generate.Request) (*generate.Result, error)) (*Replayed, error) {
	start := time.Now()
	r := &replay{Execution: e, o: ReplayOptions{Name: name}, done: Replayed{Operation: receipt.OpGenerate}}
	claims, err := r.generationClaims()
	if err != nil {
		return nil, err
	}
	if len(claims.Turns) != 1 || claims.Turns[0].Keep != 0 {
		return nil, r.errorf("it is no text of one turn: %w", receipt.ErrInvalid)
	}
	t := newTurn(claims.Turns[0])
	request := &generate.Request{
		Prompt: t.PromptIDs, Sampling: generate.Options(claims.Sampling), MaxTokens: t.most(claims.N), Stop: claims.StopIDs, StopTexts: claims.StopTexts, Show: claims.ShowIDs, Logits: t.logits,
	}
	adjust, err := Adjuster(claims.Adjustment, vocabulary)
	if err != nil {
		return nil, r.errorf("%w", err)
	}
	if adjust != nil {
		request.Adjust = adjust()
	}
	result, err := do(ctx, request)
	if err := t.end(ctx, result, err); err != nil {
		return nil, r.errorf("%w", err)
	}
	again := receipt.NewGeneration(start)
	again.Claims = *claims
	again.Claims.Turns = nil
	again.AddTurn(t.again, result.Text, 0, 0, nil)
	if err := r.sameText(again); err != nil {
		return nil, err
	}
	r.done.Took = time.Since(start)
	return &r.done, nil
}
