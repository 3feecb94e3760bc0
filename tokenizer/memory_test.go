package tokenizer

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/memory"
)

// TestVocabularyFits: a vocabulary that the process's limit has no room for is refused
// before it is made, in both forms.
func TestVocabularyFits(t *testing.T) {
	const n = 300_000
	var json strings.Builder
	tokens := make([]string, n)
	for i := range n {
		tokens[i] = fmt.Sprintf("token%d", i)
		fmt.Fprintf(&json, ",%q:%d", tokens[i], i)
	}
	file := `{"model":{"type":"BPE","vocab":{` + json.String()[1:] + `},"merges":[]}}`
	read := map[string]func() error{
		"tokenizer.json": func() error { _, err := Parse([]byte(file), nil); return err },
		"GGUF":           func() error { _, err := FromGGUF(GGUFVocabulary{Model: "llama", Tokens: tokens}); return err },
	}
	for name, f := range read {
		if err := f(); err != nil {
			t.Errorf("%s without a limit: %v", name, err)
		}
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(16 << 20))
	for name, f := range read {
		if err := f(); !errors.Is(err, memory.ErrLimit) {
			t.Errorf("%s within 16 MiB: %v", name, err)
		}
	}
}
