package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadPrompt(t *testing.T) {
	text, err := readPrompt(t.Context(), strings.NewReader("Once\nupon"), nil)
	if err != nil || text != "Once\nupon" {
		t.Errorf("%q, %v", text, err)
	}
	long := strings.Repeat("x", maxPrompt)
	if text, err := readPrompt(t.Context(), strings.NewReader(long), nil); err != nil || len(text) != maxPrompt {
		t.Errorf("16 MiB: %d bytes, %v", len(text), err)
	}
	if _, err := readPrompt(t.Context(), strings.NewReader(long+"x"), nil); !errors.Is(err, errLongPrompt) {
		t.Errorf("more than 16 MiB: %v", err)
	}
}

func TestLineReader(t *testing.T) {
	l := newLineReader(strings.NewReader("one\r\n\ntwo"), maxPrompt)
	for _, want := range []string{"one", "", "two"} {
		if got, err := l.next(t.Context()); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if _, err := l.next(t.Context()); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if _, err := newLineReader(strings.NewReader(strings.Repeat("x", maxPrompt+1)), maxPrompt).next(t.Context()); !errors.Is(err, errLongPrompt) {
		t.Errorf("a long line: %v", err)
	}
}

// TestReadingEndsWithContext waits for input that never comes.
func TestReadingEndsWithContext(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readPrompt(ctx, r, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("prompt: %v", err)
	}
	if _, err := newLineReader(r, maxPrompt).next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("line: %v", err)
	}
}
