package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/memory"
)

// conversation is a chat on its way: the messages that the model still sees.
type conversation struct {
	*running
	template *generate.ChatTemplate
	messages []generate.Message
	system   int // how many messages before the first turn
}

// chat keeps a conversation: a line of standard input is a turn of the user's.
func (r *running) chat() error {
	template, err := r.chatTemplate()
	if err != nil {
		return err
	}
	c := &conversation{running: r, template: template}
	if r.c.System != "" {
		c.messages, c.system = []generate.Message{{Role: "system", Content: r.c.System}}, 1
	}
	lines := r.lines()
	for {
		line, err := lines()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := c.turn(line); err != nil {
			return err
		}
	}
}

// chatTemplate opens the template that comes with the tokenizer, for a conversation that begins now.
func (r *running) chatTemplate() (*generate.ChatTemplate, error) {
	now, err := templateTime()
	if err != nil {
		return nil, err
	}
	t := r.loaded.tokenizer
	template, err := generate.NewChatTemplate(t.ChatTemplate(), generate.TemplateOptions{
		SpecialTokens: t.SpecialTokens(), Now: now, Memory: templateMemory(r.loaded.model.Plan.Limit > 0),
	})
	if err == nil && template.TellsTime() {
		r.receipt.Claims.TemplateTime = now.Format(time.RFC3339Nano)
	}
	return template, err
}

// templateTime is what a template is told when it asks for the time: now, or what SOURCE_DATE_EPOCH says.
func templateTime() (time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: SOURCE_DATE_EPOCH=%q is not a number of seconds", generate.ErrTemplate, epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// lines gives the user's lines: the prompt of the command line, then standard
// input's, asked for where a person types them.
func (r *running) lines() func() (string, error) {
	f, isFile := r.env.stdin.(*os.File)
	interactive := isFile && term.IsTerminal(int(f.Fd()))
	input := newLineReader(r.env.stdin, int(min(maxPrompt, memory.Room()/4)))
	first := r.c.Prompt
	return func() (string, error) {
		if line := first; line != "" {
			first = ""
			return line, nil
		}
		if interactive {
			if err := r.say("> "); err != nil {
				return "", err
			}
		}
		return input.next(r.env.ctx)
	}
}

// turn has the model answer a line.
func (c *conversation) turn(line string) error {
	c.messages = append(c.messages, generate.Message{Role: "user", Content: line})
	ids, err := c.encode()
	if err != nil {
		return err
	}
	// The whole conversation again, but only what is new goes through the model.
	answer, err := c.generate(c.unseen(ids))
	if err = cmp.Or(err, c.say("\n")); err != nil {
		return err
	}
	c.messages = append(c.messages, generate.Message{Role: "assistant", Content: strings.TrimSpace(answer)})
	return nil
}

// encode returns the conversation's tokens. It drops the oldest turns, and says so,
// until there is room for an answer: of -n tokens, but at most a quarter of the
// context.
func (c *conversation) encode() ([]int, error) {
	context := c.loaded.model.Plan.Context
	room := min(c.c.N, context/4)
	dropped := 0
	for {
		text, err := await(c.env.ctx, func() (string, error) { return c.template.Render(c.messages) })
		if err != nil {
			return nil, err
		}
		if err := c.fits(text); err != nil {
			return nil, err
		}
		ids, err := encode(c.env.ctx, c.loaded.tokenizer, text, false)
		if err != nil {
			return nil, err
		}
		if len(ids)+room <= context || len(c.messages) < c.system+3 {
			if dropped > 0 {
				fmt.Fprintf(c.env.stderr, "helix-substrate: the context of %d tokens is full; oldest turns forgotten: %d\n", context, dropped)
			}
			return ids, nil
		}
		c.messages = slices.Delete(c.messages, c.system, c.system+2)
		dropped++
	}
}

// receiptPerToken is about what a token takes in a receipt that is being written.
const receiptPerToken = 400

// fits returns an error if memory has no room for encoding the conversation, and for the
// receipt of all that was said.
func (c *conversation) fits(text string) error {
	s := &c.receipt.Speed
	return memory.Fits("the conversation", generate.EncodingCost(c.loaded.tokenizer, text)+receiptPerToken*int64(s.PromptTokens+s.OutputTokens))
}

// unseen cuts off the tokens that the session holds already and has session and
// sampler forget what the conversation no longer begins with.
func (r *running) unseen(ids []int) []int {
	known := r.receipt.Claims.TokenIDs()
	n := 0
	for n < len(known) && n < len(ids)-1 && n < r.loaded.session.Position() && known[n] == ids[n] {
		n++
	}
	r.loaded.session.Reset(n)
	r.generator.Sampler.Reset(ids[:n])
	r.receipt.Claims.Restart(n)
	return ids[n:]
}
