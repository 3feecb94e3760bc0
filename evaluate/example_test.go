package evaluate_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/evaluate"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/transformer"
)

func ExamplePerplexity() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := demo.Extract(dir); err != nil {
		log.Fatal(err)
	}
	tokenizer, err := generate.OpenTokenizer(dir)
	if err != nil {
		log.Fatal(err)
	}
	m, err := transformer.Open(ctx, dir, transformer.Options{Context: 32})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	text := strings.Repeat("One day, Lily went to the park with her mom. She saw a big red ball. ", 6)
	ids, err := tokenizer.Encode(text, false)
	if err != nil {
		log.Fatal(err)
	}
	result, err := evaluate.Perplexity(ctx, s, ids, 32, -1, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("windows:", result.Windows == len(ids)/32, "better than guessing:", result.Perplexity < float64(m.Config.Vocab))
	// Output: windows: true better than guessing: true
}
