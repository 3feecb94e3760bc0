package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// sequence is one text that is being continued: step says what the model is to read next,
// read takes note of what it has read, and finish makes the result. So several can go
// together.
type sequence struct {
	*Generator
	session *transformer.Session
	n       int // tokens to generate
	emit    func(Piece) error
	result  *Result
	text    strings.Builder // the result's
	ended   bool

	prompt  []int
	before  int   // tokens that the session had before the first of prompt
	known   []int // all tokens before those generated
	pending []int // what the model has not read yet: the end of the prompt, then the token drawn last and guesses
	visit   func(int, []float32) error
	next    []int // of pending, where that begins with the token drawn last
	guessing
	chances *chances      // of what is drawn; nil: nobody asks
	state   *statesWanted // if set, it gets the prompt's states, and nothing is drawn
	vocab   int           // tokens that may be drawn, once one has been
	err     error         // of drawing a token
	stop    []int
	decoder *tokenizer.Decoder
	held    string // the end of the prompt's text, if the decoder has kept it back
	until   stopTexts
	since   time.Time // the model began to read the prompt, then to generate
}

// Piece is a piece of a text: whole characters, as they become certain.
type Piece struct {
	Text   string    // "" where a token only begins a character, or what may be a stop text
	Tokens []LogProb // the chances of the tokens since the piece before, with Request.LogProbs
}

// begin begins to continue a prompt, of which the session has the first kept tokens.
func (g *Generator) begin(s *transformer.Session, prompt []int, kept, n int, emit func(Piece) error) *sequence {
	q := &sequence{
		Generator: g, session: s, n: n, emit: emit, result: &Result{Kept: kept, Stop: StopLength},
		prompt: prompt, before: s.Position() - kept, pending: prompt[kept:],
		stop: g.StopIDs(), decoder: g.Tokenizer.StreamShow(g.Show), until: stopTexts{texts: g.StopTexts}, since: time.Now(),
	}
	q.visit = q.draw
	q.most, q.source = min(g.Lookup, firstGuesses), textLookup{}
	switch {
	case g.Adjust != nil:
		q.most = 0
	case g.Draft != nil && g.Lookup > 0:
		q.source = &drafting{of: q}
	}
	g.Sampler.computeWith(s.CPU())
	for _, id := range prompt {
		g.Sampler.Accept(id)
	}
	// What comes first depends on all that stands before it: a word's blank, a character that
	// is not yet whole.
	flushed := g.Tokenizer.StreamShow(g.Show)
	q.known = slices.Concat(s.Tokens(), q.pending)
	for _, id := range q.known {
		q.decoder.Next(id)
		flushed.Next(id)
	}
	q.held = flushed.Flush()
	return q
}

// statesWanted takes the states of a prompt from one token on.
type statesWanted struct {
	first int
	add   func(i int, state []float32)
}

// want has the prompt's states shown, all that are wanted: what the session has read before is read again where it has to be.
func (q *sequence) want(w *statesWanted) {
	if q.state = w; w != nil && w.first < len(q.prompt)-len(q.pending) {
		q.session.Reset(0)
		q.before, q.pending = 0, q.prompt
	}
}

// fresh returns what of text, which the decoder gave, does not belong to the prompt.
func (q *sequence) fresh(text string) string {
	rest, ok := strings.CutPrefix(text, q.held)
	switch {
	case ok:
		text, q.held = rest, ""
	case strings.HasPrefix(q.held, text):
		text, q.held = "", q.held[len(text):]
	default: // the prompt's last character came out as another
		q.held = ""
	}
	return text
}

// step is what the model is to read next, of at most so many tokens: guesses beyond them are given up.
func (q *sequence) step(most int) transformer.Step {
	if n := len(q.pending) - most; n > 0 && len(q.guesses) > 0 {
		q.guesses, q.pending = q.guesses[:len(q.guesses)-n], q.pending[:most]
	}
	ids := q.pending[:min(most, len(q.pending))]
	step := transformer.Step{Session: q.session, IDs: ids, First: len(ids)}
	switch {
	case q.state != nil:
		at := len(q.prompt) - len(q.pending)
		step.First, step.Hidden = q.state.first-at, func(i int, state []float32) error {
			q.state.add(at+i, state)
			return nil
		}
	case len(ids) < len(q.pending):
	default:
		step.First, step.Visit = len(ids)-1-len(q.guesses), q.visit
		q.drawn, q.wrong = q.drawn[:0], false
		if len(q.guesses) > 0 {
			q.Sampler.mark(&q.first)
		}
	}
	return step
}

// failed takes note that the model has read nothing of a step: what was drawn from some of its logits before the others
// could not be had is not drawn.
func (q *sequence) failed() {
	if len(q.guesses) > 0 {
		q.Sampler.goBack(&q.first)
	}
}

// draw draws the next token, unless a guess before it was wrong. Errors are the sequence's own.
func (q *sequence) draw(_ int, logits []float32) error {
	if q.wrong || q.err != nil {
		return nil
	}
	if q.err = checkVocabulary(q.Tokenizer, len(logits)); q.err == nil && q.Logits != nil {
		q.err = q.Logits(logits)
	}
	if q.err != nil {
		return nil
	}
	q.vocab = min(len(logits), q.Tokenizer.VocabSize())
	if q.chances != nil {
		q.chances.note(len(q.drawn), logits[:q.vocab])
	}
	if q.Adjust != nil {
		if q.err = q.Adjust(q.result.OutputIDs, logits[:q.vocab]); q.err != nil {
			return nil
		}
	}
	next, err := q.Sampler.Next(logits[:q.vocab])
	if err != nil && q.Adjust != nil && !slices.ContainsFunc(logits[:q.vocab], func(v float32) bool { return v >= -math.MaxFloat32 || v != v }) {
		err = fmt.Errorf("what is excluded leaves no token: %w", ErrOption)
	}
	if q.err = err; err != nil {
		return nil
	}
	q.drawn = append(q.drawn, next)
	if guess := len(q.drawn) - 1; guess < len(q.guesses) {
		q.wrong = q.guesses[guess] != next
		q.Sampler.mark(q.nextMark())
	}
	return nil
}

// read takes note that the model has read n tokens more: where these were all that was
// pending, tokens have been drawn.
func (q *sequence) read(ctx context.Context, n int) error {
	r := q.result
	if q.pending = q.pending[n:]; len(q.pending) > 0 {
		return nil
	}
	if r.PromptIDs == nil {
		q.promptRead()
	}
	if q.state != nil {
		q.ended = true
		return nil
	}
	before := q.session.Position() - len(q.guesses) // with the token drawn before these
	for i, next := range q.drawn {
		err := q.take(i, next)
		if err == nil && !q.ended && i < len(q.drawn)-1 {
			err = context.Cause(ctx) // which ends the text here, as it does without guesses
		}
		if err == nil && !q.ended {
			continue
		}
		if i < len(q.drawn)-1 { // those after it are not drawn
			q.Sampler.goBack(&q.marks[i])
		}
		q.drawn, q.err = q.drawn[:i+1], nil // nor has drawing one of those failed
		q.settle(before)
		return err
	}
	q.settle(before)
	if q.err != nil {
		q.result.Drawn++ // or tried to: its logits were shown
		return q.err
	}
	return q.guess(ctx)
}

// settle takes back what the model read of wrong guesses, the sequence having been so long before any guess.
func (q *sequence) settle(before int) {
	if len(q.guesses) == 0 {
		return
	}
	right := len(q.drawn)
	if q.err == nil {
		right--
	}
	q.result.Guessed += len(q.guesses)
	q.result.Right += right
	q.session.Reset(before + right)
	q.learn(right, q.Lookup)
	q.guesses = q.guesses[:0]
}

// take takes the token that was drawn, the i-th of this step.
func (q *sequence) take(i, next int) error {
	r := q.result
	r.Drawn++
	switch {
	case len(r.OutputIDs) >= q.n:
		q.ended = true
		return nil
	case slices.Contains(q.stop, next):
		q.ended, r.Stop = true, StopToken
		return nil
	}
	r.OutputIDs = append(r.OutputIDs, next)
	text, found := q.until.next(q.fresh(q.decoder.Next(next)))
	q.text.WriteString(text)
	if err := q.emit(Piece{text, q.chances.of(i, next)}); err != nil {
		return err
	}
	if found {
		r.Stop, r.StopText = StopToken, q.until.found
	}
	q.ended = found || len(r.OutputIDs) == q.n
	q.next = append(q.next[:0], next)
	q.pending = q.next
	return nil
}

// guess adds guesses to the token drawn last, where there is room for them.
func (q *sequence) guess(ctx context.Context) error {
	room := min(q.most, q.session.Together()-1, q.session.Room()-1, q.n-len(q.result.OutputIDs)-1)
	if room <= 0 {
		return nil
	}
	guesses, err := q.source.guess(ctx, q.guesses[:0], q.known, q.result.OutputIDs, room)
	if err != nil {
		return err
	}
	q.guesses = guesses
	q.next = append(q.next, q.guesses...)
	q.pending = q.next
	return nil
}

// release gives back what the sequence's guesses hold.
func (q *sequence) release() {
	if d, ok := q.source.(*drafting); ok {
		d.release()
	}
}

// suspend has the sequence read all of its tokens again, in whatever session it gets. Nothing has been read of its last step.
func (q *sequence) suspend() {
	unread := q.pending[:len(q.pending)-len(q.guesses)]
	q.guesses = q.guesses[:0]
	q.pending = slices.Concat(q.session.Tokens(), unread)
}

// promptRead takes note of what the model has read of the prompt.
func (q *sequence) promptRead() {
	read := 0
	if q.session != nil { // it is not paused
		read = min(len(q.prompt), q.session.Position()-q.before)
	}
	q.result.PromptIDs = q.prompt[:read]
	q.result.PromptTime = time.Since(q.since)
	q.since = time.Now()
}

// finish returns the result of a text that ended by itself or by an error.
func (q *sequence) finish(ctx context.Context, err error) (*Result, error) {
	r := q.result
	if r.PromptIDs == nil {
		q.promptRead()
	}
	r.GenerateTime = time.Since(q.since)
	rest, found := q.until.flush(q.fresh(q.decoder.Flush()))
	q.text.WriteString(rest)
	r.Text = q.text.String()
	if found {
		r.Stop, r.StopText = StopToken, q.until.found
	}
	if errors.Is(err, transformer.ErrContext) && len(r.OutputIDs) > 0 {
		r.Stop, err = StopContext, nil
	}
	if err == nil {
		err = q.emit(Piece{Text: rest})
	}
	switch {
	case err == nil:
	case ctx.Err() != nil || errors.Is(err, ErrBreak):
		r.Stop, err = StopCancel, nil
	default:
		r.Stop, err = StopError, fmt.Errorf("after %d tokens: %w", len(r.OutputIDs), err)
	}
	return r, err
}
