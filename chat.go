package helix

import (
	"context"
	"iter"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/record"
)

// ChatOptions say how a conversation is held.
type ChatOptions struct {
	// GenerateOptions are those of every answer; Result is of the last one.
	GenerateOptions
	// System is the message before the first turn (--system); none if it is empty.
	System string
	// Messages are what was said before, as Conversation.Messages had it (a system's message
	// first, if there is one, is instead of System): so a conversation goes on that was kept
	// elsewhere. Random numbers begin anew.
	Messages []generate.Message
	// Now is what a chat template that asks for the time is told, the same in every turn;
	// the zero time means now. Only with a fixed one is the text of such a model the same
	// every time.
	Now time.Time
}

// Conversation is a chat with a model that has a chat template. It is for one goroutine at
// a time, and takes one of the model's sequences only while it answers; many conversations
// may share few of them. What the sequence still knows of it is not read again, and the
// answers have the same bits either way.
type Conversation struct {
	m         *Model
	c         *generate.Conversation
	generator *generate.Generator
	options   ChatOptions
	turns     *record.Generation // of the receipt; nil before the first turn, or if there is to be none
}

// NewConversation begins a conversation. Errors are ErrTemplate, if the model has no chat
// template (ErrTemplateMissing) or an unknown kind, ErrTextOption and ErrClosed.
func (m *Model) NewConversation(o ChatOptions) (*Conversation, error) {
	if m.open.Err() != nil {
		return nil, ErrClosed
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	g, err := m.generator(o.GenerateOptions)
	if err != nil {
		return nil, err
	}
	c, err := generate.NewConversation(m.pool, g, generate.ConversationOptions{System: o.System, Messages: o.Messages, MaxTokens: o.MaxTokens, Now: o.Now})
	if err != nil {
		return nil, err
	}
	return &Conversation{m: m, c: c, generator: g, options: o}, nil
}

// Say has the model answer a message, in the way of [Model.Generate], whose errors it has
// too. When the conversation has outgrown the context, its oldest turns are forgotten. An
// answer that was cut off, by breaking out of the loop or by ctx, counts as far as it came;
// after any other error the conversation is as it was before the message.
func (c *Conversation) Say(ctx context.Context, message string) iter.Seq2[string, error] {
	return c.m.texts(ctx, func(ctx context.Context, emit func(string) error) error {
		turn, err := c.c.Ask(ctx, message)
		if err != nil {
			return err
		}
		defer turn.Close()
		if c.turns == nil {
			if c.turns, err = c.m.startReceipt(ctx, &c.options.GenerateOptions, c.generator); err != nil {
				return err
			}
			if c.turns != nil && c.c.TellsTime() {
				c.turns.Claims.TemplateTime = c.options.Now.Format(time.RFC3339Nano)
			}
		}
		r, err := recorded(c.turns, c.generator, turn.Prompt(), turn.Kept, func() (*generate.Result, error) { return turn.Answer(ctx, emit) })
		return c.options.finish(ctx, r, err, turn.Kept, turn.Forgotten, c.turns)
	})
}

// Messages returns the messages that the model still sees, the last answer included, in a
// list of the caller's.
func (c *Conversation) Messages() []generate.Message { return c.c.Messages() }
