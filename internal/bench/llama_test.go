package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/transformer"
)

func TestSyntheticLlama(t *testing.T) {
	l := Llama{Layers: 2, Hidden: 64, FFN: 96, Heads: 4, KVHeads: 2, Vocab: 128}
	dir := filepath.Join(t.TempDir(), "model")
	if err := l.Make(t.Context(), dir, 64, "zstd"); err != nil {
		t.Fatal(err)
	}
	g, err := Generate(t.Context(), dir, transformer.Options{Context: 64}, 5, 9, 3)
	if err != nil || g.PromptPerSec <= 0 || g.GeneratePerSec <= 0 || g.StreamedBytes != 0 {
		t.Errorf("%+v, %v", g, err)
	}
}

// TestUnpackTensor unpacks matrices of either form.
func TestUnpackTensor(t *testing.T) {
	l := Llama{Layers: 1, Hidden: 64, FFN: 96, Heads: 4, KVHeads: 2, Vocab: 128}
	for _, entries := range []int{64, lattice} {
		dir := filepath.Join(t.TempDir(), "model")
		if err := l.Make(t.Context(), dir, entries, "zstd"); err != nil {
			t.Fatal(err)
		}
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unpackTensor(t.Context(), m, m.Manifest.Tensors["model.layers.0.mlp.up_proj.weight"]); err != nil {
			t.Errorf("%d entries: %v", entries, err)
		}
	}
}

// BenchmarkGenerate runs the 1.1 B model; the first use writes it to
// $HELIX_BENCH_DIR, without which it is skipped.
func BenchmarkGenerate(b *testing.B) {
	root := os.Getenv("HELIX_BENCH_DIR")
	if root == "" {
		b.Skip("HELIX_BENCH_DIR names no directory for a model of 3 GB")
	}
	for _, entries := range []int{256, 64, 16} {
		dir := filepath.Join(root, fmt.Sprintf("llama1b-%d", entries))
		if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
			if err := Llama1B().Make(b.Context(), dir, entries, "zstd"); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			var g Generation
			var err error
			for b.Loop() {
				if g, err = Generate(b.Context(), dir, transformer.Options{Context: 512}, 0, 128, 16); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(g.GeneratePerSec, "tokens/s")
			b.ReportMetric(g.PromptPerSec, "prompt-tokens/s")
		})
	}
}
