package grammar_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Have a model answer in JSON.
func Example() {
	root, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	dir := filepath.Join(root, "demo")
	if err := demo.Extract(dir); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	tok, err := generate.OpenTokenizer(dir)
	if err != nil {
		log.Fatal(err)
	}
	m, err := transformer.Open(ctx, dir, transformer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	g, err := grammar.Schema([]byte(`{"type": "object", "properties": {"animal": {"enum": ["dog", "cat"]}, "friendly": {"type": "boolean"}}, "required": ["animal", "friendly"]}`))
	if err != nil {
		log.Fatal(err)
	}
	prompt, err := tok.Encode("Lily saw", true)
	if err != nil {
		log.Fatal(err)
	}
	s := generate.NewScheduler(&generate.Batch{Model: m, Tokenizer: tok}, 1)
	defer s.Close()
	r, err := s.Do(ctx, &generate.Request{Prompt: prompt, Adjust: g.Match(grammar.NewVocabulary(tok)).Adjust}, nil)
	if err != nil {
		log.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(r.Text)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(&compact)
	// Output: {"animal":"cat","friendly":false}
}
