package main

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/transformer"
)

var benchModel = flag.String("model", "", "BenchmarkReceipt: a model directory instead of the demo's")

// BenchmarkReceipt measures what hashing every token's logits adds to a run, in percent:
// turns of 16 tokens with and without it alternate.
func BenchmarkReceipt(b *testing.B) {
	dir := *benchModel
	if dir == "" {
		src := filepath.Join(b.TempDir(), "checkpoint")
		if err := demo.Extract(src); err != nil {
			b.Fatal(err)
		}
		dir = filepath.Join(b.TempDir(), "model")
		if _, err := convert.Directory(b.Context(), convert.Job{Source: src, Output: dir, Options: convert.Options{Method: convert.Entropy}}); err != nil {
			b.Fatal(err)
		}
	}
	m, err := transformer.Open(b.Context(), dir, transformer.Options{Context: 256})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const context, turn = 256, 16 // tokens
	var h receipt.Hasher
	var took [2]time.Duration // without, with
	for i := 0; b.Loop(); i++ {
		if s.Position() == context {
			s.Reset(0)
		}
		with := (i + i/(context/turn)) % 2 // each position comes both ways
		start := time.Now()
		for token := range turn {
			err := s.Forward(b.Context(), []int{1 + token}, 0, func(_ int, logits []float32) error {
				if with == 1 {
					h.Add(logits)
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		h.Sums() // so that none is left for the turn without
		took[with] += time.Since(start)
	}
	if took[0] > 0 {
		b.ReportMetric(100*(float64(took[1])/float64(took[0])-1), "%cost")
	}
}
