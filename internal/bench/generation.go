package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Speeds measures how fast a synthetic 1.1 B Llama generates, resident and streamed.
type Speeds struct {
	Prompt int // tokens
	N      int // tokens to generate; a quarter as many when streamed
	// Sequences is how many texts go together in further measurements; 1 for none.
	Sequences int
	Memory    int64     // the limit of the streamed run
	Dir       string    // where the models are made and kept; empty: in a temporary directory, removed at the end
	Stderr    io.Writer // where the processes say what is wrong
}

// Run measures each way in a process of its own.
func (s Speeds) Run(ctx context.Context) ([]Generation, error) {
	root := s.Dir
	if root == "" {
		temporary, err := os.MkdirTemp("", "helix-bench-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(temporary)
		root = temporary
	}
	var results []Generation
	measure := func(name, dir string, limit int64, n int) error {
		for _, sequences := range slices.Compact([]int{1, max(1, s.Sequences)}) {
			var g Generation
			w := work{Generation: &generation{Model: dir, Memory: limit, Prompt: s.Prompt, N: n, Sequences: sequences}}
			if err := inChild(ctx, name, w, s.Stderr, &g); err != nil {
				return err
			}
			if g.Name = name; sequences > 1 {
				g.Name += fmt.Sprintf(", %d texts", sequences)
			}
			results = append(results, g)
		}
		return nil
	}
	models := []struct {
		name     string
		dir      string
		entries  int
		codec    string
		streamed bool // it is measured streamed too
	}{
		{"8-bit", "llama1b-256", 256, "zstd", true}, {"6-bit", "llama1b-64", 64, "zstd", false}, {"4-bit", "llama1b-16", 16, "zstd", false},
		{"lattice", "llama1b-0", lattice, "", true}, {"lattice, packed", "llama1b-packed", lattice, cdna.PackedCodec, true},
	}
	for _, w := range models {
		dir := filepath.Join(root, w.dir)
		if !model.IsModel(dir) {
			if err := Llama1B().Make(ctx, dir, w.entries, w.codec); err != nil {
				return nil, err
			}
		}
		if err := measure("resident "+w.name, dir, 0, s.N); err != nil {
			return nil, err
		}
	}
	for _, w := range models {
		if !w.streamed {
			continue
		}
		if err := measure("streamed "+w.name+", "+memory.FormatSize(s.Memory), filepath.Join(root, w.dir), s.Memory, max(2, s.N/4)); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// generation is the work of a child: Depth tokens that are not measured, a prompt, and tokens after it.
type generation struct {
	Model            string
	Memory           int64
	Depth, Prompt, N int
	Sequences        int
	Threads          int       // 0 for GOMAXPROCS
	Started          time.Time // when the process was
}

func (w *generation) run(ctx context.Context) (Generation, error) {
	o := transformer.Options{Memory: w.Memory, Context: w.Depth + w.Prompt + w.N + 1, Sequences: w.Sequences, Threads: w.Threads}
	began := time.Since(w.Started)
	g, err := Generate(ctx, w.Model, o, w.Depth, w.Prompt, w.N)
	g.FirstTokenSeconds += began.Seconds()
	if err != nil || g.StreamedBytes == 0 {
		return g, err
	}
	if g.Streaming, err = measureStreaming(ctx, w.Model, o); err == nil {
		g.Streaming.DiskSeconds /= float64(w.Sequences)
		g.Streaming.UnpackSeconds /= float64(w.Sequences)
	}
	return g, err
}

// Generation is the speed of one way to run a model.
type Generation struct {
	Name           string  `json:"name"`
	LoadSeconds    float64 `json:"load_s"` // until the model is open
	PromptPerSec   float64 `json:"prompt_tokens_per_s"`
	GeneratePerSec float64 `json:"generate_tokens_per_s"`
	PeakBytes      int64   `json:"peak_bytes"` // of the process since it began
	StreamedBytes  int64   `json:"streamed_bytes_per_token"`
	// FirstTokenSeconds is the time from the process's start, or Generate's, to what follows a first token, without any text or
	// tokenizer.
	FirstTokenSeconds float64 `json:"first_token_s"`
	// Streaming is what bounds a token, if weights are streamed.
	Streaming *Streaming `json:"streaming,omitempty"`
}

// OfBound is the share that a streamed token's speed has of what disk and unpacking allow.
func (g *Generation) OfBound() float64 { return g.Streaming.Bound() * g.GeneratePerSec }

// Generate has as many sequences as the options say read depth tokens, unmeasured, then prompts of the given length, and
// generates n tokens after each, whatever they are. Speeds of what is 0 are 0.
func Generate(ctx context.Context, dir string, o transformer.Options, depth, prompt, n int) (Generation, error) {
	var g Generation
	start := time.Now()
	m, err := transformer.Open(ctx, dir, o)
	if err != nil {
		return g, err
	}
	defer m.Close()
	g.LoadSeconds = time.Since(start).Seconds()
	steps := make([]transformer.Step, m.Plan.Sequences)
	next := make([]int, len(steps))
	for i := range steps {
		s, err := m.NewSession()
		if err != nil {
			return g, err
		}
		defer s.Close()
		steps[i] = transformer.Step{Session: s, Visit: func(_ int, logits []float32) error {
			next[i] = 0
			for id, v := range logits {
				if v > logits[next[i]] {
					next[i] = id
				}
			}
			return nil
		}}
	}
	// read has all sequences read so many tokens more.
	read := func(tokens int) error {
		for i := range steps {
			ids := make([]int, tokens)
			for at := range ids {
				ids[at] = (at*7919 + 31*i + 1) % m.Config.Vocab
			}
			steps[i].IDs, steps[i].First = ids, tokens-1
		}
		if tokens == 0 {
			return nil
		}
		return m.Forward(ctx, steps)
	}
	if err := read(1); err != nil { // what is touched first takes longer, and blocks are verified
		return g, err
	}
	g.FirstTokenSeconds = time.Since(start).Seconds()
	for i := range steps {
		steps[i].Session.Reset(0)
	}
	if err := read(depth); err != nil {
		return g, err
	}
	start = time.Now()
	if err := read(prompt); err != nil {
		return g, err
	}
	if prompt > 0 {
		g.PromptPerSec = float64(len(steps)*prompt) / time.Since(start).Seconds()
	}
	start = time.Now()
	for i := range steps {
		steps[i].IDs, steps[i].First = make([]int, 1), 0
	}
	for range n {
		for i := range steps {
			steps[i].IDs[0] = next[i]
		}
		if err := m.Forward(ctx, steps); err != nil {
			return g, err
		}
	}
	if n > 0 {
		g.GeneratePerSec = float64(len(steps)*n) / time.Since(start).Seconds()
	}
	g.StreamedBytes = m.Plan.Streamed / int64(len(steps))
	g.PeakBytes, _ = procmem.PeakRSS()
	return g, nil
}

// unpack reads and unpacks every block of a file, and does nothing with them.
func unpack(ctx context.Context, f *cdna.Blocks, workers int, v *cdna.Verifier) error {
	g, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		g.Go(func() error {
			indices := make([]byte, f.MaxBlockLen())
			for i := w; i < f.NumBlocks() && ctx.Err() == nil; i += workers {
				if _, err := f.ReadBlock(ctx, indices[:f.Block(i).DecompLen], i, v); err != nil {
					return err
				}
			}
			return context.Cause(ctx)
		})
	}
	return g.Wait()
}
