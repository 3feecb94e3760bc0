package generate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/jinja"
)

// ErrTemplate reports a chat template that is missing, cannot be read, costs too much or refuses the conversation.
var ErrTemplate = errors.New("chat template")

// Kinds of ErrTemplate: a model without a template, a template that does more than a conversation needs, and one that
// uses what is not supported.
var (
	ErrTemplateMissing     = errors.New("the model has none")
	ErrTemplateLimit       = jinja.ErrLimit
	ErrTemplateUnsupported = jinja.ErrUnsupported
)

// Message is a turn of a conversation. Role is "system", "user" or "assistant".
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// ChatTemplate writes conversations in a model's own form: by the Jinja template that comes with it, with all that transformers'
// apply_chat_template gives a template. It is immutable and safe for concurrent use.
type ChatTemplate struct {
	template, tools *jinja.Template
	options         TemplateOptions
	clock           bool
}

// TemplateOptions are what a template is given besides the conversation.
type TemplateOptions struct {
	// SpecialTokens are the tokens it may name, such as "bos_token": see tokenizer.Tokenizer.SpecialTokens.
	SpecialTokens map[string]string
	// ToolUse is the template for requests with tools, where the model has one of its own for them.
	ToolUse string
	// Now is what strftime_now tells: one moment for a whole conversation, so that each turn begins as the one before.
	Now time.Time
	// Memory bounds the values that the template makes at a time, in bytes; 0 means TemplateMemory.
	Memory int64
}

// TemplateMemory is how many bytes of values a template may make of a conversation, and eight more for each byte of the conversation.
const TemplateMemory = 8 << 20

// NewChatTemplate reads a template. The error, ErrTemplate, says what in it is not understood, and on which line.
func NewChatTemplate(source string, o TemplateOptions) (*ChatTemplate, error) {
	if source == "" {
		return nil, fmt.Errorf("%w: %w", ErrTemplate, ErrTemplateMissing)
	}
	if o.Memory == 0 {
		o.Memory = TemplateMemory
	}
	t, err := jinja.Parse(source, o.limits())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	tools := t
	if o.ToolUse != "" {
		if tools, err = jinja.Parse(o.ToolUse, o.limits()); err != nil {
			return nil, fmt.Errorf("%w: tool_use: %w", ErrTemplate, err)
		}
	}
	return &ChatTemplate{template: t, tools: tools, options: o, clock: strings.Contains(source+o.ToolUse, "strftime_now")}, nil
}

// TellsTime says whether the template asks for the time, on which its text depends then.
func (t *ChatTemplate) TellsTime() bool { return t.clock }

func (o *TemplateOptions) limits() jinja.Limits {
	limits := jinja.DefaultLimits
	limits.Memory = o.Memory
	return limits
}

// Render writes a conversation and the opening of the assistant's next turn.
func (t *ChatTemplate) Render(messages []Message) (string, error) {
	data, err := json.Marshal(messages)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	return t.RenderRequest(ChatRequest{Messages: data, AddGenerationPrompt: true})
}

// ChatRequest is a conversation as APIs pass it: JSON whose members keep their order.
type ChatRequest struct {
	Messages            json.RawMessage // a list of objects
	Tools, Documents    json.RawMessage // lists of objects; nil or null: None
	AddGenerationPrompt bool            // open the assistant's next turn
	Variables           json.RawMessage // an object of further variables, such as enable_thinking; they win over special tokens
	KeepNull            bool            // members of messages that are null stay
}

// RenderRequest writes a conversation. As in transformers, members of messages that are null are left out unless KeepNull says otherwise, and what a message has as
// reasoning_content, thinking or reasoning is there under the first two names.
func (t *ChatTemplate) RenderRequest(request ChatRequest) (string, error) {
	variables := map[string]jinja.Value{"add_generation_prompt": request.AddGenerationPrompt}
	for name, token := range t.options.SpecialTokens {
		variables[name] = token
	}
	size := 0
	read := func(data json.RawMessage) (jinja.Value, error) {
		size += len(data)
		if len(bytes.TrimSpace(data)) == 0 {
			return nil, nil
		}
		v, err := jinja.FromJSON(data)
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrTemplate, err)
		}
		return v, err
	}
	more, err := read(request.Variables)
	if err != nil {
		return "", err
	}
	if d, ok := more.(*jinja.Dict); ok {
		d.Each(func(name string, v jinja.Value) { variables[name] = v })
	}
	for name, data := range map[string]json.RawMessage{"tools": request.Tools, "documents": request.Documents} {
		if variables[name], err = read(data); err != nil {
			return "", err
		}
	}
	messages, err := read(request.Messages)
	if err != nil {
		return "", err
	}
	if variables["messages"], err = prepareMessages(messages, request.KeepNull); err != nil {
		return "", err
	}
	template := t.template
	if variables["tools"] != nil {
		template = t.tools
	}
	text, err := template.Render(variables, t.options.Now, t.options.limits().For(size))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	return text, nil
}

// prepareMessages does to messages what transformers does before a template sees them.
func prepareMessages(v jinja.Value, keepNull bool) (jinja.Value, error) {
	list, ok := v.(*jinja.List)
	if !ok || list.Len() == 0 {
		return nil, fmt.Errorf("%w: a conversation is a list of one message or more", ErrTemplate)
	}
	var prepared []jinja.Value
	for _, m := range list.Items() {
		message, ok := m.(*jinja.Dict)
		if !ok {
			return nil, fmt.Errorf("%w: a message is an object", ErrTemplate)
		}
		kept := jinja.NewDict()
		message.Each(func(name string, v jinja.Value) {
			if v != nil || keepNull {
				kept.Set(name, v)
			}
		})
		prepared = append(prepared, withReasoning(kept))
	}
	return jinja.NewList(prepared...), nil
}

// withReasoning gives a message's reasoning the names that templates look for.
func withReasoning(message *jinja.Dict) *jinja.Dict {
	for _, name := range []string{"reasoning_content", "thinking", "reasoning"} {
		reasoning, ok := message.Get(name)
		if !ok {
			continue
		}
		named := jinja.NewDict()
		named.Set("thinking", reasoning)
		message.Each(named.Set)
		named.Set("reasoning_content", reasoning)
		return named
	}
	return message
}
