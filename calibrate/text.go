package calibrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/helix-substrate/helix-substrate/calibrate/text"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// pieceBytes is how much of a long text is encoded at a time. It is fixed, so that the first tokens of a text
// are the same however many are wanted.
const pieceBytes = 1 << 16

// reader turns sections into tokens.
type reader struct {
	tokenizer *tokenizer.Tokenizer
	template  *generate.ChatTemplate // nil where the model has none that can be used
	notes     []string
}

// newReader reads the model's chat template if a section wants it.
func newReader(t *tokenizer.Tokenizer, sections []text.Section) *reader {
	r := &reader{tokenizer: t}
	said := func(s text.Section) bool { return len(s.Messages) > 0 }
	if t.ChatTemplate() == "" || !slices.ContainsFunc(sections, said) {
		return r
	}
	// A template that asks for the time is told the same one always.
	now := time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)
	var err error
	if r.template, err = generate.NewChatTemplate(t.ChatTemplate(), generate.TemplateOptions{SpecialTokens: t.SpecialTokens(), Now: now}); err != nil {
		r.note("dialogue is taken as plain text: %v", err)
	}
	return r
}

func (r *reader) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(r.notes, n) {
		r.notes = append(r.notes, n)
	}
}

// read returns the first wanted tokens of the sections, or all there are. It encodes no more than
// a piece that it does not need.
func (r *reader) read(ctx context.Context, sections []text.Section, wanted int) ([]int, error) {
	if err := checkText(sections); err != nil {
		return nil, err
	}
	ids := make([]int, 0, wanted)
	for i := range sections {
		for rest := r.write(&sections[i]); rest != "" && len(ids) < wanted; {
			piece := beginning(rest, pieceBytes)
			more, err := generate.Encode(ctx, r.tokenizer, piece, false)
			if err != nil {
				return nil, err
			}
			ids, rest = append(ids, more...), rest[len(piece):]
		}
	}
	if len(ids) < wanted {
		r.note("the text has %d tokens, %d are wanted", len(ids), wanted)
	}
	ids = ids[:min(len(ids), wanted)]
	for _, id := range ids {
		if id != ids[0] {
			return ids, nil
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("it has no tokens: %w", ErrText)
	}
	return nil, fmt.Errorf("all of its tokens are %q: %w", r.tokenizer.Token(ids[0]), ErrText)
}

// beginning returns about the first n bytes of a text, in whole characters.
func beginning(text string, n int) string {
	if n >= len(text) {
		return text
	}
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// write is a section as the model reads it: a dialogue as the chat template has it, where that
// takes it; all else as it is, with an empty line behind it.
func (r *reader) write(s *text.Section) string {
	for messages := s.Messages; r.template != nil && len(messages) > 0; messages = messages[1:] {
		turns := make([]generate.Message, len(messages))
		for i, m := range messages {
			turns[i] = generate.Message{Role: m.Role, Content: m.Content}
		}
		data, err := json.Marshal(turns)
		var written string
		if err == nil {
			written, err = r.template.RenderRequest(generate.ChatRequest{Messages: data})
		}
		if err == nil {
			return written
		}
		if messages[0].Role != "system" { // which some templates refuse
			r.note("a dialogue is taken as plain text: %v", err)
			break
		}
	}
	if s.Text == "" {
		return ""
	}
	return s.Text + "\n\n"
}

// checkText refuses what is no text.
func checkText(sections []text.Section) error {
	bytes := 0
	for _, s := range sections {
		check := func(part string) error {
			bytes += len(part)
			if utf8.ValidString(part) {
				return nil
			}
			return fmt.Errorf("the text is not UTF-8: %w", ErrText)
		}
		errs := []error{check(s.Text)}
		for _, m := range s.Messages {
			errs = append(errs, check(m.Role), check(m.Content))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	if bytes == 0 {
		return fmt.Errorf("the text is empty: %w", ErrText)
	}
	return nil
}

// begins returns the token that the tokenizer puts in front of a text, −1 if it puts none.
func begins(t *tokenizer.Tokenizer) int {
	bos, ok := t.BOS()
	ids, err := t.Encode("", true)
	if !ok || err != nil || len(ids) == 0 || ids[0] != bos {
		return -1
	}
	return bos
}

// windows cuts tokens into windows of n, each with some in front and behind; the last tokens that fill none are left out.
func windows(ids []int, n int, before, after []int) [][]int {
	var list [][]int
	for ; len(ids) >= n; ids = ids[n:] {
		list = append(list, slices.Concat(before, ids[:n], after))
	}
	return list
}

// isHeldOut tells whether window i is not summed up.
func isHeldOut(i int) bool { return i%heldOut == heldOut-1 }
