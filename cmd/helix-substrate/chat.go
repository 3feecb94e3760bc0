package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/helix-substrate/helix-substrate/generate"
)

// chat keeps a conversation: a line of standard input is a turn of the user's.
func (r *running) chat() error {
	now, err := templateTime()
	if err != nil {
		return err
	}
	pool := generate.NewPool(r.loaded.model, 1)
	defer pool.Close()
	c, err := generate.NewConversation(pool, &r.generator, generate.ConversationOptions{System: r.c.System, MaxTokens: r.c.N, Now: now})
	if err != nil {
		return err
	}
	if c.TellsTime() {
		r.receipt.Claims.TemplateTime = now.Format(time.RFC3339Nano)
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
		if err := r.turn(c, line); err != nil {
			return err
		}
	}
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
	input := generate.NewLineReader(r.env.stdin)
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
		return input.Next(r.env.ctx)
	}
}

// turn has the model answer a line.
func (r *running) turn(c *generate.Conversation, line string) error {
	turn, err := c.Ask(r.env.ctx, line)
	if err != nil {
		return err
	}
	defer turn.Close()
	if turn.Forgotten > 0 {
		fmt.Fprintf(r.env.stderr, "helix-substrate: the context of %d tokens is full; oldest turns forgotten: %d\n", r.loaded.model.Plan.Context, turn.Forgotten)
	}
	r.receipt.Claims.Restart(turn.Kept)
	err = r.generate(turn.Answer)
	return cmp.Or(err, r.say("\n"))
}
