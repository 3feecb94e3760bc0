package server

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
	"github.com/helix-substrate/helix-substrate/toolcall"
)

// readForm makes the grammar that the answers are to be of, if there is one.
func (q *asked) readForm() *openai.Error {
	q.release = func() {}
	if !q.formed() {
		return nil
	}
	if !q.model.formed.TryAcquire(1) {
		return failure(generate.ErrBusy, "")
	}
	form, claim, field, err := q.grammar()
	q.Schema, q.Grammar = nil, ""
	if err != nil || form == nil {
		q.model.formed.Release(1)
	}
	switch {
	case errors.Is(err, grammar.ErrUnsupported):
		return openai.Invalid(field, openai.CodeUnsupported, "%s: %v", field, err)
	case err != nil:
		return openai.Invalid(field, openai.CodeInvalid, "%s: %v", field, err)
	case form == nil:
		return nil
	}
	q.form, q.formClaim = form, claim
	q.model.vocabulary() // not while other texts wait
	q.release = func() { q.model.formed.Release(1) }
	return nil
}

// formed says whether the answers are to have a form: one was asked for, calls have to come, or strict functions may be called.
func (q *asked) formed() bool {
	strict := slices.ContainsFunc(q.tools, func(f toolcall.Function) bool { return f.Strict })
	return q.AnyObject || q.Schema != nil || q.Grammar != "" || q.forced() || strict
}

// forced says whether a function has to be called.
func (q *asked) forced() bool {
	return q.ToolChoice.Mode == openai.CallRequired || q.ToolChoice.Mode == openai.CallNamed
}

var errForcedForm = errors.New("it does not go with a response_format or a grammar")

// anyObject is the schema of the response_format json_object.
var anyObject = json.RawMessage(`{"type": "object"}`)

// grammar returns the grammar of the answers and what receipts say of it, nil where strict functions cannot be told from text by one, and which field an error is about.
func (q *asked) grammar() (g *grammar.Grammar, claim *receipt.Form, field string, err error) {
	claim, read, field, err := q.source()
	if err != nil || claim == nil {
		return nil, nil, field, err
	}
	g, err = q.model.forms.of(claim, read)
	return g, claim, field, err
}

// source returns what the grammar is made of, and how.
func (q *asked) source() (claim *receipt.Form, read func() (*grammar.Grammar, error), field string, err error) {
	text := q.Schema
	claim, read = receipt.NewForm(record.FormSchema, string(text)), func() (*grammar.Grammar, error) { return grammar.Schema(text) }
	if q.AnyObject {
		text = anyObject
		claim, read = receipt.NewForm(record.FormObject, ""), func() (*grammar.Grammar, error) { return grammar.Object(), nil }
	}
	switch {
	case q.forced() && (text != nil || q.Grammar != ""):
		return nil, nil, "tool_choice", errForcedForm
	case q.Grammar != "":
		source := q.Grammar
		return receipt.NewForm(record.FormGrammar, source), func() (*grammar.Grammar, error) { return grammar.Parse(source) }, "grammar", nil
	case text != nil && (q.Kind != openai.ChatCompletions || len(q.tools) == 0 && !q.model.format.Reasons()):
		return claim, read, "response_format", nil
	case text != nil:
		if _, err := read(); err != nil { // that it is not the tools'
			return nil, nil, "response_format", err
		}
	}
	functions := q.tools
	if q.ToolChoice.Mode == openai.CallNamed {
		functions = slices.DeleteFunc(slices.Clone(functions), func(f toolcall.Function) bool { return f.Name != q.ToolChoice.Name })
	}
	source, err := q.model.format.Grammar(functions, toolcall.Constraint{
		Forced: q.forced(), Text: text, Single: q.SingleCall || q.ToolChoice.Mode == openai.CallNamed,
		Reasons: q.model.format.NewParser(nil, q.opening).Reasons(), Special: q.model.special,
	})
	if errors.Is(err, toolcall.ErrFree) {
		return nil, nil, "", nil
	}
	return receipt.NewForm(record.FormComposed, source), func() (*grammar.Grammar, error) { return grammar.Composed(source) }, "tools", err
}

// special returns the id of a mark that is a special token.
func (m *Model) special(mark string) (id int, ok bool) {
	id, ok = m.batch.Tokenizer.ID(mark)
	return id, ok && m.batch.Tokenizer.IsSpecial(id)
}
