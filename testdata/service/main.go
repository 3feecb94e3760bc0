// Service is a small program of somebody else's: it opens a model within a limit, answers
// several questions at once, and waits until nobody wants to look at it any more.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"sync"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/memory"
)

func main() {
	var limit memory.Size
	path := flag.String("model", "", "model directory")
	flag.TextVar(&limit, "memory", memory.Size(0), "limit of the process")
	threads := flag.Int("threads", 0, "workers")
	sequences := flag.Int("sequences", 1, "texts at a time")
	own := flag.Int64("own", 0, "bytes that the service itself needs")
	flag.Parse()
	log.SetFlags(0)

	ctx := context.Background()
	m, err := helix.Open(ctx, *path, helix.ModelOptions{Memory: int64(limit), Reserve: *own, Threads: *threads, Sequences: *sequences, Context: 128})
	if err != nil {
		log.Fatal(err)
	}
	held := bytes.Repeat([]byte{1}, int(*own))
	answers := make([]string, 2)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = answer(ctx, m, i) })
	}
	all.Wait()
	if err := m.Close(); err != nil {
		log.Fatal(err)
	}
	for _, text := range answers {
		fmt.Printf("%q\n", text)
	}
	runtime.KeepAlive(held)
	os.Stdout.Close()
	io.Copy(io.Discard, os.Stdin)
}

// answer has the model do all that it can.
func answer(ctx context.Context, m *helix.Model, i int) (text string) {
	o := helix.GenerateOptions{MaxTokens: 8, Temperature: 0.8, TopP: 0.95, Seed: uint64(i)}
	c, err := m.NewConversation(helix.ChatOptions{GenerateOptions: o})
	if err != nil {
		log.Fatal(err)
	}
	for _, question := range []string{"Tell me a story.", "And then?"} {
		for piece, err := range c.Say(ctx, question) {
			if err != nil {
				log.Fatal(err)
			}
			text += piece
		}
	}
	for piece, err := range m.Generate(ctx, "Once upon a time", o) {
		if err != nil {
			log.Fatal(err)
		}
		text += piece
	}
	v, err := m.Embed(ctx, text, helix.EmbedOptions{})
	if err != nil {
		log.Fatal(err)
	}
	return fmt.Sprint(text, v[0])
}
