package record_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/record"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// A story, its receipt, and the story again by what the receipt says.
func Example() {
	ctx := context.Background()
	root, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	checkpoint, dir := filepath.Join(root, "checkpoint"), filepath.Join(root, "model")
	if err := demo.Extract(checkpoint); err != nil {
		log.Fatal(err)
	}
	if _, err := convert.Directory(ctx, convert.Job{Source: checkpoint, Output: dir, Options: convert.Options{Method: convert.Entropy}}); err != nil {
		log.Fatal(err)
	}
	of, err := record.Fingerprint(ctx, dir, "")
	if err != nil {
		log.Fatal(err)
	}
	options := transformer.Options{Context: 64}
	opening, err := generate.Begin(ctx, dir, options)
	if err != nil {
		log.Fatal(err)
	}
	ids, err := opening.Encode(ctx, "Once upon a time")
	if err != nil {
		log.Fatal(err)
	}
	m, err := opening.Load(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	session, err := m.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	sampling := generate.Options{Temperature: 0.8, TopK: 40, Seed: 7}
	sampler, err := generate.NewSampler(sampling)
	if err != nil {
		log.Fatal(err)
	}
	generator := &generate.Generator{Tokenizer: opening.Tokenizer, Sampler: sampler}
	text := record.NewGeneration(m, options, of, record.GenerationOptions{Sampling: sampling, N: 5, StopIDs: generator.StopIDs(), Path: dir})
	_, err = text.Run(generator, func() (*generate.Result, error) {
		return generator.Run(ctx, session, ids, 5, func(string) error { return nil })
	})
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := text.Receipt(time.Now())
	if err != nil {
		log.Fatal(err)
	}

	replayed, err := record.Replay(ctx, receipt, record.ReplayOptions{Name: "the receipt", Options: transformer.Options{Threads: 1, CPU: "generic"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(replayed.Turns, "turn, the logits of", replayed.Tokens, "tokens")

	text.Claims.Turns[0].OutputIDs = []int{1, 2, 3} // and one that claims another text
	if receipt, err = text.Receipt(time.Now()); err != nil {
		log.Fatal(err)
	}
	_, err = record.Replay(ctx, receipt, record.ReplayOptions{Name: "the other"})
	fmt.Println(errors.Is(err, record.ErrReplay))
	// Output:
	// 1 turn, the logits of 5 tokens
	// true
}
