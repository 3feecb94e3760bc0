package generate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// ErrDraft reports a draft whose vocabulary is not the model's.
var ErrDraft = errors.New("the draft's vocabulary is another one")

// drafting guesses by a smaller model ("speculative decoding", Leviathan et al. 2023): it goes on with the text, as the
// text's own sampler would with its next random numbers, so that two models that agree draw the same.
type drafting struct {
	of      *sequence
	session *transformer.Session // nil before the first guess
	sampler *Sampler
	mark    samplerMark
	read    int   // tokens of the text that the session has
	fed     []int // guesses that it has after them
	ids     []int
	next    int
	err     error // of drawing it
	visit   func(int, []float32) error
	over    bool // the text has what the draft cannot read
}

// guess implements guesser. Its session keeps of former guesses what came true. It guesses nothing that ends the text: the
// model needs no logits after that.
func (d *drafting) guess(ctx context.Context, guesses, before, after []int, most int) ([]int, error) {
	if d.over {
		return guesses, nil
	}
	if err := d.begin(ctx, before, after); err != nil {
		return nil, fmt.Errorf("draft: %w", err)
	}
	at := func(i int) int {
		if i < len(before) {
			return before[i]
		}
		return after[i-len(before)]
	}
	n := len(before) + len(after)
	for _, id := range d.fed {
		if d.read == n || at(d.read) != id {
			break
		}
		d.read++
	}
	d.session.Reset(d.read)
	d.ids, d.fed = d.ids[:0], d.fed[:0]
	for i := d.read; i < n; i++ {
		d.ids = append(d.ids, at(i))
	}
	most = min(most, d.session.Room()-len(d.ids)+1)
	d.of.Sampler.mark(&d.mark)
	d.sampler.goBack(&d.mark)
	for i := range most {
		if i > 0 {
			d.fed = append(d.fed, d.next)
		}
		err := d.session.Forward(ctx, d.ids, len(d.ids)-1, d.visit)
		switch {
		case errors.Is(err, transformer.ErrToken):
			d.over = true
			return guesses, nil
		case err == nil:
			err = d.err
		}
		if err != nil {
			return nil, fmt.Errorf("draft: %w", err)
		}
		if i == 0 {
			d.read = n
		}
		if slices.Contains(d.of.stop, d.next) {
			break
		}
		guesses = append(guesses, d.next)
		d.ids = append(d.ids[:0], d.next)
	}
	return guesses, nil
}

// begin takes a session, the first time, which may know the text's beginning.
func (d *drafting) begin(ctx context.Context, before, after []int) (err error) {
	if d.session != nil {
		return nil
	}
	d.sampler, d.visit = d.of.Sampler.twin(), d.draw
	d.session, d.read, err = d.of.Draft.Acquire(ctx, slices.Concat(before, after))
	return err
}

// draw draws a guess from those tokens that the text's are drawn from.
func (d *drafting) draw(_ int, logits []float32) error {
	d.next, d.err = d.sampler.Next(logits[:min(len(logits), d.of.vocab)])
	return nil
}

// release gives the session back.
func (d *drafting) release() {
	if d.session != nil {
		d.of.Draft.Release(d.session)
		d.session = nil
	}
}

// vocabulary is a tokenizer's tokens and their ids, hashed.
type vocabulary [sha256.Size]byte

func vocabularyOf(t *tokenizer.Tokenizer) (v vocabulary) {
	h := sha256.New()
	var line []byte
	for id := range t.VocabSize() {
		if token := t.Token(id); token != "" {
			line = fmt.Appendf(line[:0], "%d %q\n", id, token)
			h.Write(line)
		}
	}
	h.Sum(v[:0])
	return v
}

// draftVocabulary returns that of the options' draft, whose tokenizer is not needed otherwise.
func (o *Opening) draftVocabulary(ctx context.Context) (v vocabulary, err error) {
	t, err := o.draftTokenizer(ctx)
	if err != nil {
		return v, err
	}
	return vocabularyOf(t), nil
}

func (o *Opening) draftTokenizer(ctx context.Context) (*tokenizer.Tokenizer, error) {
	return await(ctx, func() (*tokenizer.Tokenizer, error) { return OpenTokenizerAt(ctx, o.options.Draft, o.options.Verify) })
}

// checkDraft returns ErrDraft where the draft's vocabulary is not the model's, with the first token that differs.
func (o *Opening) checkDraft(ctx context.Context, drafts vocabulary) error {
	if vocabularyOf(o.Tokenizer) == drafts {
		return nil
	}
	t, err := o.draftTokenizer(ctx)
	if err != nil {
		return err
	}
	for id := range max(t.VocabSize(), o.Tokenizer.VocabSize()) {
		if a, b := t.Token(id), o.Tokenizer.Token(id); a != b {
			return fmt.Errorf("%s does not guess for %s: token %d is %q in the one, %q in the other: %w", o.options.Draft.Name, o.path, id, a, b, ErrDraft)
		}
	}
	return nil // it was changed just now
}
