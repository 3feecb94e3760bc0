package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// useModel takes the policy of the claims, and refuses a model that is not the one claimed.
func (r *replay) useModel(ctx context.Context, claimed receipt.ModelClaim, verify string) error {
	if err := r.verifyAs(verify); err != nil {
		return err
	}
	r.o.Model = cmp.Or(r.o.Model, r.paths["model"])
	if r.o.Model == "" {
		return &InputError{[]string{"model"}, "the receipt does not say where the model is"}
	}
	of, err := Fingerprint(ctx, r.o.Model, r.o.Options.Verify)
	if err != nil {
		return err
	}
	for _, part := range []struct{ name, found, claimed string }{
		{"root is", of.Claim.RootSHA256, claimed.RootSHA256},
		{"files' content has sha256", of.Claim.ContentSHA256, claimed.ContentSHA256},
		{"tokenizer has sha256", of.Claim.TokenizerSHA256, claimed.TokenizerSHA256},
	} {
		if part.found != part.claimed {
			return fmt.Errorf("%s: its %s %s, the receipt's model has %s: %w",
				r.o.Model, part.name, cmp.Or(part.found, "none"), cmp.Or(part.claimed, "none"), ErrReplay)
		}
	}
	return nil
}

// runAs takes the context, the cache and the canon of the claims.
func (r *replay) runAs(context int, cache, canon string, version int) error {
	t := transformer.CacheType(cache)
	if !slices.Contains(transformer.CacheTypes, t) {
		return r.errorf("cache_type %.20q: %w", cache, receipt.ErrInvalid)
	}
	r.o.Options.Context, r.o.Options.CacheType = context, t
	return r.modelAs(canon, version)
}

// modelAs takes the canon of the claims about a model's run.
func (r *replay) modelAs(canon string, version int) error {
	r.canonVersion = max(1, version)
	return r.computeAs(canon)
}

// computeAs takes the canon of the claims.
func (r *replay) computeAs(canon string) error {
	c, err := stream.ParseCanon(canon)
	if err != nil {
		return r.errorf("%w: %w", err, receipt.ErrInvalid)
	}
	r.o.Options.Canon = c
	return nil
}

// NoteUnverified is what is noted where a receipt's run compared no hashes.
const NoteUnverified = "no hash is compared, and damage goes unnoticed"

func (r *replay) noteVerify() {
	if r.o.Options.Verify == cdna.Off {
		tell(r.o.Note, NoteUnverified)
	}
}

// noteModel tells what is to be known of an open model.
func (r *replay) noteModel(m *transformer.Model) {
	for _, note := range m.Notes {
		tell(r.o.Note, r.o.Model+": "+note)
	}
	tell(r.o.Note, m.ContextWarning(r.o.Model))
}

// open opens the model with its tokenizer, and a session.
func (r *replay) open(ctx context.Context) (*opened, error) {
	o, err := generate.Begin(ctx, r.o.Model, r.o.Options)
	if err != nil {
		return nil, err
	}
	r.noteVerify()
	m, err := o.Load(ctx)
	if err != nil {
		return nil, err
	}
	return r.begin(o, m)
}

// openAlone opens the model, which may have no tokenizer, and a session.
func (r *replay) openAlone(ctx context.Context) (*opened, error) {
	r.noteVerify()
	m, err := transformer.Open(ctx, r.o.Model, r.o.Options)
	if err != nil {
		return nil, err
	}
	return r.begin(nil, m)
}

func (r *replay) begin(o *generate.Opening, m *transformer.Model) (*opened, error) {
	r.noteModel(m)
	s, err := m.NewSession()
	if err != nil {
		m.Close()
		return nil, err
	}
	return &opened{o, m, s}, nil
}

// opened is a model ready to run.
type opened struct {
	*generate.Opening // nil where there is no tokenizer
	model             *transformer.Model
	session           *transformer.Session
}

// vocabulary is the tokenizer's, for grammars.
func (m *opened) vocabulary() *grammar.Vocabulary { return grammar.NewVocabulary(m.Tokenizer) }

func (m *opened) close() {
	m.session.Close()
	m.model.Close()
}

// forward reads the ids again and compares the logits of every token.
func (r *replay) forward(ctx context.Context) error {
	var claims receipt.ForwardClaims
	if err := r.claims(&claims); err != nil {
		return err
	}
	if len(claims.TokenIDs) == 0 || len(claims.TokenIDs) != len(claims.LogitsSHA256) {
		return r.errorf("%d ids, logits of %d: %w", len(claims.TokenIDs), len(claims.LogitsSHA256), receipt.ErrInvalid)
	}
	if err := r.useModel(ctx, claims.Model, claims.Verify); err != nil {
		return err
	}
	if err := r.runAs(claims.Context, claims.CacheType, claims.Canon, claims.CanonVersion); err != nil {
		return err
	}
	m, err := r.openAlone(ctx)
	if err != nil {
		return err
	}
	defer m.close()
	err = m.session.Forward(ctx, claims.TokenIDs, 0, func(i int, logits []float32) error {
		if got := receipt.HashFloat32(logits); got != claims.LogitsSHA256[i] {
			return r.errorf("token %d: logits have sha256 %s, the receipt says %s: %w", i, got, claims.LogitsSHA256[i], ErrReplay)
		}
		return nil
	})
	if err != nil {
		return err
	}
	again := claims
	again.Model.Architecture, again.Context, again.Canon = m.model.Config.Architecture, m.model.Plan.Context, string(m.model.Canon())
	if err := r.same(again); err != nil {
		return err
	}
	operation, err := forwardOperation(&again)
	if err != nil {
		return err
	}
	r.done.Tokens = len(claims.TokenIDs)
	return r.sameOperations(operation)
}

// layer runs a layer again and compares the hashes of X and Y.
func (r *replay) layer(ctx context.Context) error {
	var claims receipt.LayerClaims
	if err := r.claims(&claims); err != nil {
		return err
	}
	if r.o.X == "" {
		return &InputError{[]string{"x"}, "name the vectors that the layer took"}
	}
	if err := r.useModel(ctx, claims.Model, claims.Verify); err != nil {
		return err
	}
	x, err := readVectors(ctx, r.o.X, r.o.Note)
	if err != nil {
		return err
	}
	if got := receipt.HashFloat32(x.Data); got != claims.X.SHA256 {
		return fmt.Errorf("%s: X has sha256 %s, the receipt says %s: %w", r.o.X, got, claims.X.SHA256, ErrReplay)
	}
	if claims.Operation == receipt.OpFFN {
		err = r.modelAs(claims.Canon, claims.CanonVersion)
	} else {
		err = r.runAs(claims.Context, claims.CacheType, claims.Canon, claims.CanonVersion)
	}
	if err != nil {
		return err
	}
	r.noteVerify()
	at, err := checkpoint.Find(ctx, r.o.Model)
	if err != nil {
		return err
	}
	m, err := OpenForLayer(ctx, at, r.o.Options, x)
	if err != nil {
		return err
	}
	defer m.Close()
	r.noteModel(m)
	again := claims
	_, detail, err := Layer(ctx, m, nil, &again, x)
	if err != nil {
		return err
	}
	if err := r.same(again); err != nil {
		return err
	}
	r.done.Layer = claims.Layer
	return r.sameOperations(detail.Operations()[0]) // its products depend on the chunks
}

// generation generates a text again and compares all that the receipt claims.
func (r *replay) generation(ctx context.Context) error {
	claims, err := r.generationClaims()
	if err != nil {
		return err
	}
	if err := r.useModel(ctx, claims.Model, claims.Verify); err != nil {
		return err
	}
	if err := r.runAs(claims.Context, claims.CacheType, claims.Canon, claims.CanonVersion); err != nil {
		return err
	}
	m, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer m.close()
	return r.generationOn(ctx, m, claims)
}

// generationOn is generation with a model that is open.
func (r *replay) generationOn(ctx context.Context, m *opened, claims *receipt.GenerationClaims) error {
	again, err := r.generateAgain(ctx, m, claims)
	if err != nil {
		return err
	}
	return r.sameText(again)
}

// generationClaims reads the claims of a generated text that can be made again.
func (r *replay) generationClaims() (*receipt.GenerationClaims, error) {
	claims := &receipt.GenerationClaims{}
	if err := r.DecodeClaims(receipt.OpGenerate, claims); err != nil {
		return nil, r.errorf("only generated texts, forward passes, layers, products and conversions are replayed: %w", err)
	}
	if claims.Private {
		return nil, r.errorf("its ids were kept private, so there is nothing to replay: %w", receipt.ErrInvalid)
	}
	if len(claims.Turns) == 0 {
		return nil, r.errorf("it has no turns, so there is nothing to replay: %w", receipt.ErrInvalid)
	}
	return claims, nil
}

// sameText compares all that the receipt says of a generated text.
func (r *replay) sameText(again *receipt.Generation) error {
	if err := r.same(&again.Claims); err != nil {
		return err
	}
	if err := r.sameOperations(again.Operations()...); err != nil {
		return err
	}
	r.done.Turns = len(again.Claims.Turns)
	for _, t := range again.Claims.Turns {
		r.done.Tokens += len(t.LogitsSHA256)
	}
	if r.done.Tokens == 0 {
		return r.errorf("it has no logits, so there is nothing to replay: %w", receipt.ErrInvalid)
	}
	return nil
}

// generateAgain runs turn by turn, up to the first token whose logits differ, and returns
// what it would claim.
func (r *replay) generateAgain(ctx context.Context, m *opened, claims *receipt.GenerationClaims) (*receipt.Generation, error) {
	sampler, err := generate.NewSampler(generate.Options(claims.Sampling))
	if err != nil {
		return nil, r.errorf("%w", err)
	}
	adjust, err := Adjuster(claims.Adjustment, m.vocabulary)
	if err != nil {
		return nil, r.errorf("%w", err)
	}
	again := receipt.NewGeneration(time.Now())
	again.Claims = *claims
	again.Claims.Turns = nil
	c := &again.Claims
	c.Model.Architecture, c.Context, c.Canon = m.model.Config.Architecture, m.model.Plan.Context, string(m.model.Canon())
	for i, turn := range claims.Turns {
		before := again.Claims.TokenIDs()
		if turn.Keep < 0 || turn.Keep > len(before) {
			return nil, r.errorf("turn %d keeps %d tokens of %d: %w", i, turn.Keep, len(before), receipt.ErrInvalid)
		}
		m.session.Reset(turn.Keep)
		sampler.Reset(before[:turn.Keep])
		replayed, text, err := turnAgain(ctx, m, sampler, adjust, claims, turn)
		if err != nil {
			return nil, r.errorf("turn %d: %w", i, err)
		}
		again.AddTurn(replayed, text, 0, 0, nil)
	}
	return again, nil
}

// turnAgain runs one turn, up to the first token whose logits differ.
func turnAgain(ctx context.Context, m *opened, sampler *generate.Sampler, adjust adjuster, claims *receipt.GenerationClaims, turn receipt.Turn) (replayed receipt.Turn, text string, err error) {
	t := newTurn(turn)
	if t.cut && len(turn.LogitsSHA256) == 0 { // it ended within the prompt
		return t.again, "", m.session.Forward(ctx, turn.PromptIDs, len(turn.PromptIDs), nil)
	}
	g := generate.Generator{Tokenizer: m.Tokenizer, Sampler: sampler, Stop: claims.StopIDs, StopTexts: claims.StopTexts, Show: claims.ShowIDs, Logits: t.logits}
	if adjust != nil {
		g.Adjust = adjust()
	}
	result, err := g.Run(ctx, m.session, turn.PromptIDs, t.most(claims.N), func(string) error { return nil })
	if err := t.end(ctx, result, err); err != nil {
		return t.again, "", err
	}
	return t.again, result.Text, nil
}
