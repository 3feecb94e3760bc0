package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

type demoCommand struct {
	Out  string `name:"out" short:"o" placeholder:"DIR" help:"Keep the demo's files in this new directory (default: a temporary one, removed at the end)."`
	JSON bool   `name:"json" help:"Print a JSON report."`
}

func (c *demoCommand) Help() string {
	return "Example:\n  helix-substrate demo"
}

// demoReport is what demo prints as JSON.
type demoReport struct {
	Conversion *convert.Report `json:"conversion"`
	Verified   int             `json:"verified_tensors"`
	Product    string          `json:"product"`
	Cosine     float64         `json:"cosine_vs_source"`
	Buffers    int64           `json:"buffer_bytes"`
	Dense      int64           `json:"dense_bytes"`
}

func (c *demoCommand) Run(env *environment) error {
	parent := ""
	if c.Out != "" {
		if _, err := os.Lstat(c.Out); err == nil {
			return fmt.Errorf("%s: %w", c.Out, convert.ErrExists)
		}
		parent = filepath.Dir(filepath.Clean(c.Out))
	}
	dir, err := os.MkdirTemp(parent, ".helix-demo-*.partial")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	src, dst := filepath.Join(dir, "checkpoint"), filepath.Join(dir, "model")
	say := func(format string, args ...any) {
		if !c.JSON {
			fmt.Fprintf(env.stdout, format, args...)
		}
	}

	say("1. generate a checkpoint\n")
	if err := generateCheckpoint(src); err != nil {
		return err
	}
	say("2. convert it: entropy-coded codebooks at %d dB\n\n", convert.DefaultSNR)
	report, err := convert.Directory(env.ctx, convert.Job{Source: src, Output: dst, ModelID: "demo"})
	if err != nil {
		return err
	}
	if report.Output = "demo"; c.Out != "" {
		report.Output = filepath.Join(c.Out, "model")
	}
	if !c.JSON {
		printConversion(env, report)
	}
	m, err := model.Open(dst)
	if err != nil {
		return err
	}
	checks, err := m.Verify(env.ctx, 1)
	if err != nil {
		return err
	}
	for _, k := range checks {
		if k.Err != nil {
			return k.Err
		}
	}
	say("\n3. verify it: every block of %d tensors has its SHA-256\n", len(report.Tensors))
	r := demoReport{Conversion: report, Verified: len(checks)}
	if err := c.multiply(env, src, m, &r); err != nil {
		return err
	}
	say("4. multiply by %s from its blocks: %s held for a matrix of %s, cosine to the source's own product %.6f\n",
		r.Product, size(r.Buffers), size(r.Dense), r.Cosine)
	if c.Out != "" {
		if err := os.Rename(dir, c.Out); err != nil {
			return err
		}
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	return nil
}

// demoMatrix is the one that demo multiplies by.
const demoMatrix = "model.layers.0.mlp.up_proj.weight"

// multiply compares X @ Wᵀ from the compressed blocks with the source's weights.
func (c *demoCommand) multiply(env *environment, src string, m *model.Model, r *demoReport) error {
	t := m.Manifest.Tensors[demoMatrix]
	engine, err := stream.NewEngine(stream.EngineOptions{})
	if err != nil {
		return err
	}
	defer engine.Close()
	w, err := engine.Open(m.Path(t.File), stream.MatrixOptions{})
	if err != nil {
		return err
	}
	defer w.Close()
	x := bench.Gaussian(w.Cols(), 9)
	y, stats, err := w.MatMulTransposed(env.ctx, stream.Tensor{Shape: []int{len(x)}, Data: x})
	if err != nil {
		return err
	}

	set, err := safetensors.OpenSet(src)
	if err != nil {
		return err
	}
	defer set.Close()
	dense, ok := set.Tensor(demoMatrix)
	if !ok {
		return fmt.Errorf("%s: no tensor %s", src, demoMatrix)
	}
	weights := make([]float32, dense.Len())
	if err := dense.ReadFloat32(weights, 0); err != nil {
		return err
	}
	want := make([]float32, w.Rows())
	for i := range want {
		for j, v := range x {
			want[i] += v * weights[i*w.Cols()+j]
		}
	}
	r.Product, r.Cosine = demoMatrix, bench.Cosine(y.Data, want)
	r.Buffers, r.Dense = stats.BufferBytes, 4*int64(len(weights))
	return nil
}

// generateCheckpoint writes a Llama-shaped checkpoint of normal weights.
func generateCheckpoint(dir string) error {
	const layers, hidden, ffn, vocabulary = 2, 384, 1024, 2048
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	config := fmt.Sprintf(`{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": %d, "intermediate_size": %d, `+
		`"num_hidden_layers": %d, "num_attention_heads": 6, "num_key_value_heads": 6, "vocab_size": %d, "tie_word_embeddings": true}`+"\n",
		hidden, ffn, layers, vocabulary)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o666); err != nil {
		return err
	}
	var entries []safetensors.Entry
	matrix := func(name string, rows, cols int) {
		w := bench.Gaussian(rows*cols, uint64(len(entries)))
		scale := float32(math.Sqrt(hidden/float64(cols)) * (1 + 0.1*float64(len(entries)%7)))
		for i := range w {
			w[i] *= scale
		}
		entries = append(entries, safetensors.Float32(name, []int{rows, cols}, w))
	}
	ones := make([]float32, hidden)
	for i := range ones {
		ones[i] = 1
	}
	matrix("model.embed_tokens.weight", vocabulary, hidden)
	for l := range layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		for _, name := range []string{"q_proj", "k_proj", "v_proj", "o_proj"} {
			matrix(p+"self_attn."+name+".weight", hidden, hidden)
		}
		matrix(p+"mlp.gate_proj.weight", ffn, hidden)
		matrix(p+"mlp.up_proj.weight", ffn, hidden)
		matrix(p+"mlp.down_proj.weight", hidden, ffn)
		entries = append(entries,
			safetensors.Float32(p+"input_layernorm.weight", []int{hidden}, ones),
			safetensors.Float32(p+"post_attention_layernorm.weight", []int{hidden}, ones))
	}
	entries = append(entries, safetensors.Float32("model.norm.weight", []int{hidden}, ones))
	return safetensors.Create(filepath.Join(dir, "model.safetensors"), entries, map[string]string{"format": "pt"})
}
