package bench

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Llama is the shape of a synthetic model; its weights are random, which costs as
// much as real ones.
type Llama struct {
	Layers, Hidden, FFN, Heads, KVHeads, Vocab int
}

// Llama1B returns the shape of TinyLlama 1.1 B.
func Llama1B() Llama {
	return Llama{Layers: 22, Hidden: 2048, FFN: 5632, Heads: 32, KVHeads: 4, Vocab: 32000}
}

// Weights returns the number of weights in matrices.
func (l Llama) Weights() int64 {
	kv := l.Hidden / l.Heads * l.KVHeads
	layer := 2*l.Hidden*l.Hidden + 2*l.Hidden*kv + 3*l.Hidden*l.FFN
	return int64(l.Layers)*int64(layer) + 2*int64(l.Vocab)*int64(l.Hidden)
}

// Make makes a model directory with codebooks of the given number of entries, under
// another name until it is whole; after an error nothing is left. What is at dir already
// is not touched: that is fs.ErrExist.
func (l Llama) Make(ctx context.Context, dir string, entries int, codec string) error {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s: %w, and is no model directory", dir, fs.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	partial, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*.partial")
	if err != nil {
		return err
	}
	defer os.RemoveAll(partial)
	if err := l.write(ctx, partial, entries, codec); err != nil {
		return err
	}
	return os.Rename(partial, dir)
}

// write fills an empty directory.
func (l Llama) write(ctx context.Context, dir string, entries int, codec string) error {
	config := fmt.Sprintf(`{"model_type": "llama", "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d, `+
		`"num_attention_heads": %d, "num_key_value_heads": %d, "vocab_size": %d, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5}`+"\n",
		l.Hidden, l.FFN, l.Layers, l.Heads, l.KVHeads, l.Vocab)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o666); err != nil {
		return err
	}
	m := &model.Manifest{ModelID: "synthetic", Format: model.FormatCDNA2, Codec: codec, Tensors: map[string]model.Tensor{}}
	matrix := func(name string, rows, cols int) error {
		file := fmt.Sprintf("t%d.cdna2.hxz", len(m.Tensors))
		m.Tensors[name] = model.Tensor{Format: model.FormatCDNA2, File: file, OriginalShape: []int{rows, cols}, CDNAShape: []int{rows, cols}}
		return writeMatrix(ctx, filepath.Join(dir, file), rows, cols, 0, codec, entries)
	}
	ones := make([]float32, l.Hidden)
	for i := range ones {
		ones[i] = 1
	}
	norm := func(name string) error {
		file := fmt.Sprintf("t%d.npy", len(m.Tensors))
		m.Tensors[name] = model.Tensor{Format: model.FormatNPY, File: file, Shape: []int{l.Hidden}, DType: "<f4"}
		return npy.Create(filepath.Join(dir, file), []int{l.Hidden}, ones)
	}
	kv := l.Hidden / l.Heads * l.KVHeads
	type shaped struct {
		name       string
		rows, cols int
	}
	list := []shaped{{"model.embed_tokens.weight", l.Vocab, l.Hidden}, {"lm_head.weight", l.Vocab, l.Hidden}}
	for i := range l.Layers {
		p := fmt.Sprintf("model.layers.%d.", i)
		list = append(list,
			shaped{p + "self_attn.q_proj.weight", l.Hidden, l.Hidden}, shaped{p + "self_attn.k_proj.weight", kv, l.Hidden},
			shaped{p + "self_attn.v_proj.weight", kv, l.Hidden}, shaped{p + "self_attn.o_proj.weight", l.Hidden, l.Hidden},
			shaped{p + "mlp.gate_proj.weight", l.FFN, l.Hidden}, shaped{p + "mlp.up_proj.weight", l.FFN, l.Hidden},
			shaped{p + "mlp.down_proj.weight", l.Hidden, l.FFN})
		for _, n := range []string{"input_layernorm", "post_attention_layernorm"} {
			if err := norm(p + n + ".weight"); err != nil {
				return err
			}
		}
	}
	for _, s := range list {
		if err := matrix(s.name, s.rows, s.cols); err != nil {
			return err
		}
	}
	if err := norm("model.norm.weight"); err != nil {
		return err
	}
	return m.Write(dir)
}

// Generation is the speed of one way to run a model.
type Generation struct {
	Name           string  `json:"name"`
	PromptPerSec   float64 `json:"prompt_tokens_per_s"`
	GeneratePerSec float64 `json:"generate_tokens_per_s"`
	PeakBytes      int64   `json:"peak_bytes"` // of the process since it began
	StreamedBytes  int64   `json:"streamed_bytes_per_token"`
	// DecodeSeconds is what reading and unpacking that many bytes alone takes.
	DecodeSeconds float64 `json:"decode_s_per_token"`
}

// Generate runs a prompt of the given length and generates n tokens, whatever
// they are.
func Generate(ctx context.Context, dir string, o transformer.Options, prompt, n int) (Generation, error) {
	var g Generation
	m, err := transformer.Open(ctx, dir, o)
	if err != nil {
		return g, err
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		return g, err
	}
	defer s.Close()
	ids := make([]int, prompt)
	for i := range ids {
		ids[i] = (i*7919 + 1) % m.Config.Vocab
	}
	step := func(ids []int) (next int, err error) {
		err = s.Forward(ctx, ids, len(ids)-1, func(_ int, logits []float32) error {
			for i, v := range logits {
				if v > logits[next] {
					next = i
				}
			}
			return nil
		})
		return next, err
	}
	start := time.Now()
	next, err := step(ids)
	if err != nil {
		return g, err
	}
	g.PromptPerSec = float64(prompt) / time.Since(start).Seconds()
	start = time.Now()
	for range n {
		if next, err = step([]int{next}); err != nil {
			return g, err
		}
	}
	g.GeneratePerSec = float64(n) / time.Since(start).Seconds()
	g.StreamedBytes = m.Plan.Streamed
	g.PeakBytes, _ = procmem.PeakRSS()
	return g, nil
}

// Unpack reads and unpacks, on all cores, the matrices that a model under these
// options streams for a token, and does nothing with them: what a streamed token
// takes at least.
func Unpack(ctx context.Context, dir string, o transformer.Options) error {
	plan, err := transformer.PlanFor(ctx, dir, o)
	if err != nil {
		return err
	}
	m, err := model.Open(dir)
	if err != nil {
		return err
	}
	for _, place := range plan.Matrices {
		if place.Resident || place.Name == "model.embed_tokens.weight" {
			continue // of embeddings a token takes one row
		}
		f, err := m.OpenMatrix(m.Manifest.Tensors[place.Name])
		if err != nil {
			return err
		}
		err = unpack(ctx, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// unpack reads and unpacks every block of a file on all cores.
func unpack(ctx context.Context, f *cdna.File) error {
	g, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		g.Go(func() error {
			packed, indices := make([]byte, f.MaxCompLen()), make([]byte, f.MaxBlockLen())
			for i := w; i < f.NumBlocks() && ctx.Err() == nil; i += workers {
				b := f.Block(i)
				if err := f.ReadCompressed(packed[:b.CompLen], i); err != nil {
					return err
				}
				if err := f.Decompress(indices[:b.DecompLen], packed[:b.CompLen], i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}
