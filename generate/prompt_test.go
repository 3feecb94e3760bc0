package generate

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadPrompt(t *testing.T) {
	text, err := new(Opening).ReadPrompt(t.Context(), strings.NewReader("Once\nupon"))
	if err != nil || text != "Once\nupon" {
		t.Errorf("%q, %v", text, err)
	}
	long := strings.Repeat("x", maxPrompt)
	if text, err := new(Opening).ReadPrompt(t.Context(), strings.NewReader(long)); err != nil || len(text) != maxPrompt {
		t.Errorf("16 MiB: %d bytes, %v", len(text), err)
	}
	if _, err := new(Opening).ReadPrompt(t.Context(), strings.NewReader(long+"x")); !errors.Is(err, ErrLongPrompt) {
		t.Errorf("more than 16 MiB: %v", err)
	}
}

func TestLineReader(t *testing.T) {
	l := newLineReader(strings.NewReader("one\r\n\ntwo"), maxPrompt)
	for _, want := range []string{"one", "", "two"} {
		if got, err := l.Next(t.Context()); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if _, err := l.Next(t.Context()); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if _, err := newLineReader(strings.NewReader(strings.Repeat("x", maxPrompt+1)), maxPrompt).Next(t.Context()); !errors.Is(err, ErrLongPrompt) {
		t.Errorf("a long line: %v", err)
	}
}

// TestReadingEndsWithContext waits for input that never comes.
func TestReadingEndsWithContext(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := new(Opening).ReadPrompt(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("prompt: %v", err)
	}
	if _, err := newLineReader(r, maxPrompt).Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("line: %v", err)
	}
}

// TestPromptLineEnd drops one line end of a prompt, and no more.
func TestPromptLineEnd(t *testing.T) {
	for text, want := range map[string]string{"a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", "a\r": "a\r", "a \n": "a ", "\n": "", "": ""} {
		if got, err := new(Opening).ReadPrompt(t.Context(), strings.NewReader(text)); got != want || err != nil {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}
