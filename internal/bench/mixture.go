package bench

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/model"
)

// Mixture is the shape of a synthetic mixture of experts, a Qwen 3; its weights are random lattice matrices, and those of all layers'
// experts are the same.
type Mixture struct {
	Layers, Hidden, Heads, KVHeads, HeadDim, Vocab int
	Experts, PerToken, FFN                         int
	// Skew is the exponent of Zipf's law, by which routers choose: of each layer's experts in a random order, the one of rank r
	// about as often as r^−Skew says. 0 has all alike.
	Skew float64
}

// Qwen30B returns the shape of Qwen3-30B-A3B with so many of its 48 layers, and a small vocabulary.
func Qwen30B(layers int, skew float64) Mixture {
	return Mixture{Layers: layers, Hidden: 2048, Heads: 32, KVHeads: 4, HeadDim: 128, Vocab: 4096, Experts: 128, PerToken: 8, FFN: 768, Skew: skew}
}

// Make makes a model directory, as Llama.Make does.
func (x Mixture) Make(ctx context.Context, dir, codec string) error {
	return makeWhole(dir, func(partial string) error { return x.write(ctx, partial, codec) })
}

// constant is what all vectors have in their first place, beside values of deviation 1 in the others: what a router's first column is multiplied by.
const constant = 4

func (x Mixture) write(ctx context.Context, dir, codec string) error {
	config := fmt.Sprintf(`{"model_type": "qwen3_moe", "hidden_size": %d, "intermediate_size": %d, "moe_intermediate_size": %[2]d, "num_hidden_layers": %d, `+
		`"num_attention_heads": %d, "num_key_value_heads": %d, "head_dim": %d, "vocab_size": %d, "num_experts": %d, "num_experts_per_tok": %d, `+
		`"norm_topk_prob": true, "max_position_embeddings": 4096, "rms_norm_eps": 1e-6}`+"\n",
		x.Hidden, x.FFN, x.Layers, x.Heads, x.KVHeads, x.HeadDim, x.Vocab, x.Experts, x.PerToken)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o666); err != nil {
		return err
	}
	c, err := arch.ParseConfig([]byte(config))
	if err != nil {
		return err
	}
	m := &model.Manifest{ModelID: "synthetic", Format: model.FormatLattice, Codec: codec, Tensors: map[string]model.Tensor{}}
	experts := map[arch.Use]string{} // the first layer's files
	for i, w := range c.Weights(func(name string) bool { return !fused(name) }) {
		if w.Optional {
			continue
		}
		t := model.Tensor{Format: model.FormatNPY, File: fmt.Sprintf("t%d.npy", i), Shape: w.Shape, DType: "<f4"}
		path := filepath.Join(dir, t.File)
		switch use := useOf(&w); {
		case w.IsVector():
			err = npy.Create(path, w.Shape, slices.Repeat([]float32{1}, w.Shape[0]))
		case use == arch.ExpertRouter:
			err = npy.Create(path, w.Shape, x.router(w.Layer))
		default:
			t = model.Tensor{Format: model.FormatLattice, File: fmt.Sprintf("t%d%s", i, cdna.LatticeSuffix), OriginalShape: w.Shape, CDNAShape: w.Shape}
			path = filepath.Join(dir, t.File)
			if first := experts[use]; w.Experts > 0 && first != "" {
				err = copyFile(ctx, path, first)
				break
			}
			err = writeLatticeWith(ctx, path, w.Shape[0], w.Shape[1], blockRows(&w), codec, func(z *cdna.LatticeMatrix) { x.shape(z, &w, use) })
			if w.Experts > 0 {
				experts[use] = path
			}
		}
		if err != nil {
			return err
		}
		m.Tensors[w.Name] = t
	}
	return m.Write(dir)
}

// blockRows is the usual number of rows of a block, or less, so that experts have blocks of their own.
func blockRows(w *arch.Weight) int {
	n := cdna.AutoBlockRows(w.Shape[0], w.Shape[1])
	if w.Experts > 0 {
		each := w.Shape[0] / w.Experts
		for n = min(n, each); each%n != 0; n-- {
		}
	}
	return n
}

// useOf is what a weight is used for first; "" for what belongs to no layer.
func useOf(w *arch.Weight) arch.Use {
	if len(w.Parts) == 0 {
		return ""
	}
	return w.Parts[0].Use
}

// fused tells the names of gates and up projections in one tensor, which the model has not.
func fused(name string) bool { return filepath.Ext(name) == ".gate_up_proj" }

// shape makes embeddings of deviation 1 with the constant in the first place, and has nothing else write there, nor much elsewhere.
func (x Mixture) shape(z *cdna.LatticeMatrix, w *arch.Weight, use arch.Use) {
	scale := float32(1)
	switch {
	case w.Name == arch.EmbeddingName:
		scale = 64 // of a deviation of 1/64
		for i := range z.Rows {
			z.Codes[i*z.Cols] = constant*4 + cdna.LatticeZero
		}
	case use == arch.AttentionOutput, use == arch.ExpertDown:
		scale = 0.25
		for i := 0; i < z.Rows; i += x.Hidden {
			for j := range z.Cols {
				z.Codes[i*z.Cols+j] = cdna.LatticeZero
			}
		}
	}
	for j := range z.ColumnScale {
		z.ColumnScale[j] *= scale
	}
}

// router returns a layer's: the logarithms of the shares in the first column, noise of about Gumbel's deviation from the others.
func (x Mixture) router(layer int) []float32 {
	r := rand.New(rand.NewPCG(uint64(layer), 11))
	w := make([]float32, x.Experts*x.Hidden)
	noise := math.Pi / math.Sqrt(6*float64(x.Hidden))
	for i := range w {
		w[i] = float32(noise * r.NormFloat64())
	}
	for rank, i := range r.Perm(x.Experts) {
		w[i*x.Hidden] = float32(-x.Skew * math.Log(float64(rank+1)) / constant)
	}
	return w
}

// copyFile copies a file, without a look at what becomes of it after an error.
func copyFile(ctx context.Context, to, from string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	r, _, err := regularfile.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if closed := w.Close(); err == nil {
		err = closed
	}
	return err
}
