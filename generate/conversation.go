package generate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Conversation is a chat: messages that take turns. Each turn is the whole conversation,
// written by the model's chat template; what a session of the pool holds of it already
// does not go through the model again, and the answer has the bits that it has without
// that. It is for one goroutine at a time, and holds a session only while it answers.
type Conversation struct {
	pool      *Pool
	generator *Generator
	template  *ChatTemplate
	options   ConversationOptions
	messages  []Message
	system    int // how many messages are before the first turn
	tokens    int // that went through the model or came out of it
}

// ConversationOptions say how a conversation is held.
type ConversationOptions struct {
	// System is the message before the first turn; none if it is empty.
	System string
	// Messages are what was said before, as Conversation.Messages had it: the user's and the
	// assistant's in turn, perhaps with a system's first, in place of System. So a
	// conversation goes on that was kept elsewhere; its sampler's random numbers begin anew.
	Messages []Message
	// MaxTokens is how many tokens an answer has at most; 0: as many as the context has
	// room for.
	MaxTokens int
	// Now is what a template that asks for the time is told, the same in every turn; the
	// zero time means now.
	Now time.Time
}

// NewConversation begins a conversation with the model of a pool. It takes the generator's
// sampler for itself. Errors are ErrTemplate, and ErrOption for messages out of turn.
func NewConversation(p *Pool, g *Generator, o ConversationOptions) (*Conversation, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	t := TemplateOptions{SpecialTokens: g.Tokenizer.SpecialTokens(), Now: o.Now}
	if p.model.Plan.Limit > 0 {
		t.Memory = limitedTemplate
	}
	template, err := NewChatTemplate(g.Tokenizer.ChatTemplate(), t)
	if err != nil {
		return nil, err
	}
	c := &Conversation{pool: p, generator: g, template: template, options: o}
	if o.System != "" {
		c.messages = []Message{{Role: "system", Content: o.System}}
	}
	c.messages = append(c.messages, o.Messages...)
	if len(c.messages) > 0 && c.messages[0].Role == "system" {
		c.system = 1
	}
	for i, m := range c.messages[c.system:] {
		if role := [...]string{"user", "assistant"}[i%2]; m.Role != role {
			return nil, fmt.Errorf("message %d is the %.20s's, it is the %s's turn: %w", c.system+i, m.Role, role, ErrOption)
		}
	}
	if (len(c.messages)-c.system)%2 != 0 {
		return nil, fmt.Errorf("the last message has no answer: %w", ErrOption)
	}
	return c, nil
}

// TellsTime says whether the template asks for the time, on which the text depends then.
func (c *Conversation) TellsTime() bool { return c.template.TellsTime() }

// Messages returns the messages that the model still sees, in a list of the caller's.
func (c *Conversation) Messages() []Message { return slices.Clone(c.messages) }

// Turn is a message of the user's that waits for its answer. It holds a session: Answer or
// Close ends that.
type Turn struct {
	// Forgotten is how many of the oldest turns were dropped, so that there is room for
	// an answer.
	Forgotten int
	// Kept is how many tokens of the conversation the session held already.
	Kept int

	c        *Conversation
	messages []Message
	ids      []int
	session  *transformer.Session
}

// Ask adds a message of the user's. It drops the oldest turns until there is room for an
// answer: of MaxTokens, but at most a quarter of the context. The conversation changes
// only with the answer. Errors are ErrTemplate, memory.ErrLimit, those of the tokenizer and
// of Pool.Acquire, and the context's.
func (c *Conversation) Ask(ctx context.Context, text string) (*Turn, error) {
	t := &Turn{c: c, messages: append(c.Messages(), Message{Role: "user", Content: text})}
	context := c.pool.model.Plan.Context
	room := context / 4
	if n := c.options.MaxTokens; n > 0 {
		room = min(n, room)
	}
	for {
		var err error
		if t.ids, err = c.encode(ctx, t.messages); err != nil {
			return nil, err
		}
		if len(t.ids)+room <= context || len(t.messages) < c.system+3 {
			break
		}
		t.messages = slices.Delete(t.messages, c.system, c.system+2)
		t.Forgotten++
	}
	var err error
	t.session, t.Kept, err = c.pool.Acquire(ctx, t.ids)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Prompt returns the tokens of the whole conversation, the message included, in a list of the
// turn's own.
func (t *Turn) Prompt() []int { return t.ids }

// receiptPerToken is about what a token takes in a receipt that is being written.
const receiptPerToken = 400

// encode returns the tokens of messages, if memory has room for encoding them and for the
// receipt of all that was said.
func (c *Conversation) encode(ctx context.Context, messages []Message) ([]int, error) {
	text, err := await(ctx, func() (string, error) { return c.template.Render(messages) })
	if err != nil {
		return nil, err
	}
	t := c.generator.Tokenizer
	if err := memory.Fits("the conversation", encodingCost(t, text)+receiptPerToken*int64(c.tokens)); err != nil {
		return nil, err
	}
	return encodeText(ctx, t, text, false)
}

// Answer has the model answer, as [Generator.Run] does, and adds the answer to the
// conversation, as far as it came if ctx or emit ended it. After an error, or if they
// ended it before any text came, the conversation is as it was before the turn.
func (t *Turn) Answer(ctx context.Context, emit func(text string) error) (*Result, error) {
	defer t.Close()
	c := t.c
	n := c.options.MaxTokens
	if n == 0 {
		n = c.pool.model.Plan.Context
	}
	c.generator.Sampler.Reset(t.ids[:t.Kept])
	r, err := c.generator.Run(ctx, t.session, t.ids[t.Kept:], n, emit)
	c.tokens += len(r.PromptIDs) + len(r.OutputIDs)
	if err == nil && (r.Text != "" || r.Stop != StopCancel) {
		c.messages = append(t.messages, Message{Role: "assistant", Content: strings.TrimSpace(r.Text)})
	}
	return r, err
}

// Close gives the session back. It does nothing after Answer.
func (t *Turn) Close() {
	if t.session != nil {
		t.c.pool.Release(t.session)
		t.session = nil
	}
}
