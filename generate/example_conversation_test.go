package generate_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Two answers of one conversation: the second does not read the first again.
func ExampleConversation() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := demo.Extract(dir); err != nil {
		log.Fatal(err)
	}
	const template = "{{ bos_token }}{% for m in messages %}{{ m.content }} {% endfor %}"
	if err := os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte(template), 0o666); err != nil {
		log.Fatal(err)
	}

	o, err := generate.Begin(ctx, dir, transformer.Options{Context: 128})
	if err != nil {
		log.Fatal(err)
	}
	m, err := o.Load(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	pool := generate.NewPool(m, 1)
	defer pool.Close()
	sampler, err := generate.NewSampler(generate.Options{})
	if err != nil {
		log.Fatal(err)
	}
	g := &generate.Generator{Tokenizer: o.Tokenizer, Sampler: sampler, StopTexts: []string{"."}}
	c, err := generate.NewConversation(pool, g, generate.ConversationOptions{MaxTokens: 20})
	if err != nil {
		log.Fatal(err)
	}
	for _, line := range []string{"Tom saw a big dog.", "And then?"} {
		turn, err := c.Ask(ctx, line)
		if err != nil {
			log.Fatal(err)
		}
		answer, err := turn.Answer(ctx, func(string) error { return nil })
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s (%d tokens known, %d read)\n", answer.Text, turn.Kept, len(answer.PromptIDs))
	}
	// Output:
	// Now he wanted to play with it (0 tokens known, 8 read)
	// Now, let's go to the park (16 tokens known, 4 read)
}

// A session that comes back to the pool keeps what it knows.
func ExamplePool() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := demo.Extract(dir); err != nil {
		log.Fatal(err)
	}
	o, err := generate.Begin(ctx, dir, transformer.Options{Context: 64, Sequences: 2})
	if err != nil {
		log.Fatal(err)
	}
	m, err := o.Load(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	pool := generate.NewPool(m, 2)
	defer pool.Close()
	for _, text := range []string{"Once upon a time there was a dog", "Tom", "Once upon a time there was a cat"} {
		ids, err := o.Encode(ctx, text)
		if err != nil {
			log.Fatal(err)
		}
		s, kept, err := pool.Acquire(ctx, ids)
		if err != nil {
			log.Fatal(err)
		}
		if err := s.Forward(ctx, ids[kept:], len(ids), nil); err != nil {
			log.Fatal(err)
		}
		pool.Release(s)
		fmt.Printf("%s: %d of %d tokens known\n", text, kept, len(ids))
	}
	// Output:
	// Once upon a time there was a dog: 0 of 9 tokens known
	// Tom: 1 of 2 tokens known
	// Once upon a time there was a cat: 8 of 9 tokens known
}
