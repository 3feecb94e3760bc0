package main

import (
	"strings"
	"testing"
)

// TestPromptLineEnd drops one line end of a prompt, and no more.
func TestPromptLineEnd(t *testing.T) {
	for text, want := range map[string]string{"a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", "a\r": "a\r", "a \n": "a ", "\n": "", "": ""} {
		if got, err := readPrompt(t.Context(), strings.NewReader(text), nil); got != want || err != nil {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}
