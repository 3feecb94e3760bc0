package generate

import (
	"context"
	"fmt"
	"time"

	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Prompts makes prompts of what other people's requests have: texts, and conversations in the model's own form. Both
// are bounded by the model's context before they are encoded. It is safe for concurrent use.
type Prompts struct {
	tokenizer *tokenizer.Tokenizer
	template  *ChatTemplate
	err       error // of the template
	longest   int   // bytes of a text
}

// NewPrompts returns the prompts for a model with this context. A chat template that asks for the time is told now.
func NewPrompts(t *tokenizer.Tokenizer, context int, now time.Time) *Prompts {
	p := &Prompts{tokenizer: t, longest: MaxBatchLine(context)}
	p.template, p.err = NewChatTemplate(t.ChatTemplate(), TemplateOptions{SpecialTokens: t.SpecialTokens(), ToolUse: t.NamedTemplate("tool_use"), Now: now, Memory: limitedTemplate})
	return p
}

// TellsTime says whether the chat template asks for the time.
func (p *Prompts) TellsTime() bool { return p.template != nil && p.template.TellsTime() }

// Text returns a text's ids, with the special tokens that the model begins a text with. Errors are transformer.ErrContext,
// where it has more bytes than any text of as many tokens as the context, those of the tokenizer, and the context's.
func (p *Prompts) Text(ctx context.Context, text string) ([]int, error) {
	return p.encode(ctx, text, true)
}

// Chat returns the ids of a conversation and the opening of the assistant's next turn. Errors are ErrTemplate and those of Text.
func (p *Prompts) Chat(ctx context.Context, messages []Message) ([]int, error) {
	text, err := p.Render(ctx, messages)
	if err != nil {
		return nil, err
	}
	return p.encode(ctx, text, false)
}

// Render returns the text of which Chat returns the ids.
func (p *Prompts) Render(ctx context.Context, messages []Message) (string, error) {
	if p.err != nil {
		return "", p.err
	}
	return await(ctx, func() (string, error) { return p.template.Render(messages) })
}

// RenderRequest returns the text of which Request returns the ids, however long it is. Errors are ErrTemplate and the context's.
func (p *Prompts) RenderRequest(ctx context.Context, r ChatRequest) (string, error) {
	if p.err != nil {
		return "", p.err
	}
	return await(ctx, func() (string, error) { return p.template.RenderRequest(r) })
}

// Request returns the text and the ids of a conversation in the form of an API. Errors are ErrTemplate and those of Text.
func (p *Prompts) Request(ctx context.Context, r ChatRequest) (text string, ids []int, err error) {
	if text, err = p.RenderRequest(ctx, r); err != nil {
		return "", nil, err
	}
	ids, err = p.encode(ctx, text, false)
	return text, ids, err
}

// ToolForm returns the form in which the chat template takes tools. It tries several, and is asked once.
func (p *Prompts) ToolForm() ToolForm {
	if p.template == nil {
		return ToolForm{}
	}
	return p.template.ToolForm()
}

// Fits is transformer.ErrContext for a text of more bytes than any of as many tokens as the context.
func (p *Prompts) Fits(text string) error {
	if len(text) > p.longest {
		return fmt.Errorf("a text of %d bytes, there is room for %d: %w", len(text), p.longest, transformer.ErrContext)
	}
	return nil
}

func (p *Prompts) encode(ctx context.Context, text string, special bool) ([]int, error) {
	if err := p.Fits(text); err != nil {
		return nil, err
	}
	return encodeText(ctx, p.tokenizer, text, special)
}
