package generate_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/transformer"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := demo.Extract(dir); err != nil { // a small model that tells stories
		log.Fatal(err)
	}

	tokenizer, err := generate.OpenTokenizer(dir)
	if err != nil {
		log.Fatal(err)
	}
	sampler, err := generate.NewSampler(generate.Options{Temperature: 0.7, TopK: 40, Seed: 7})
	if err != nil {
		log.Fatal(err)
	}
	model, err := transformer.Open(ctx, dir, transformer.Options{Context: 64})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	session, err := model.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	g := generate.Generator{Tokenizer: tokenizer, Sampler: sampler}
	prompt, err := tokenizer.Encode("Once upon a time", true)
	if err != nil {
		log.Fatal(err)
	}
	result, err := g.Run(ctx, session, prompt, 12, func(text string) error {
		_, err := os.Stdout.WriteString(text)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("\n%d tokens, stopped by %s\n", len(result.OutputIDs), result.Stop)
	// Output:
	// , there was a little girl named Lily. She loved to
	// 12 tokens, stopped by length
}

func ExampleBatch() {
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
	model, err := transformer.Open(ctx, dir, transformer.Options{Context: 64, Sequences: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	var requests []*generate.Request
	for _, text := range []string{"Once upon a time", "One day, a girl", "Tom was"} {
		prompt, err := tokenizer.Encode(text, true)
		if err != nil {
			log.Fatal(err)
		}
		requests = append(requests, &generate.Request{Prompt: prompt, MaxTokens: 6})
	}
	texts := make([]string, len(requests))
	batch := generate.Batch{Model: model, Tokenizer: tokenizer, Parallel: 2}
	err = batch.Run(ctx, slices.Values(requests), func(i int, r *generate.Result, err error) error {
		texts[i] = r.Text
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range texts {
		fmt.Printf("…%s…\n", text)
	}
	// Output:
	// …, there was a little girl…
	// … named Lily went to the park…
	// … a little girl who liked to…
}
