package transformer

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/memory"
)

// untouched is a source whose tensors must not be read.
type untouched struct {
	*inMemory
	t *testing.T
}

func (s untouched) vector(ctx context.Context, name string) ([]float32, error) {
	s.t.Errorf("%s is read", name)
	return s.inMemory.vector(ctx, name)
}

func (s untouched) size(ctx context.Context, name string) (size, error) {
	s.t.Errorf("the plan asks for %s", name)
	return s.inMemory.size(ctx, name)
}

// TestWeightsThatDoNotFit: a configuration and weights that disagree are refused,
// with the tensor and both shapes, before anything is read or planned.
func TestWeightsThatDoNotFit(t *testing.T) {
	const layer = "model.layers.1."
	for _, c := range []struct {
		fixture string
		change  func(c *arch.Config, w map[string]made)
		says    []string
	}{
		{"llama", func(_ *arch.Config, w map[string]made) { delete(w, arch.EmbeddingName) }, []string{arch.EmbeddingName, "[64 32]"}},
		{"llama", func(_ *arch.Config, w map[string]made) { delete(w, arch.HeadName) }, []string{arch.HeadName, "[64 32]"}},
		{"llama", func(_ *arch.Config, w map[string]made) { delete(w, arch.NormName) }, []string{arch.NormName, "[32]"}},
		{"llama", func(c *arch.Config, _ map[string]made) { c.Vocab = 65 }, []string{arch.EmbeddingName, "[64 32]", "[65 32]"}},
		{"llama", func(c *arch.Config, _ map[string]made) { c.Hidden = 16 }, []string{arch.EmbeddingName, "[64 32]", "[64 16]"}},
		{"llama", func(c *arch.Config, _ map[string]made) { c.FFN = 48 }, []string{"mlp.gate_proj.weight", "[40 32]", "[48 32]"}},
		{"llama", func(c *arch.Config, _ map[string]made) { c.KVHeads = 4 }, []string{"self_attn.k_proj.weight", "[32 32]", "[64 32]"}},
		{"llama", func(c *arch.Config, _ map[string]made) { c.HeadDim = 1 << 14 }, []string{"self_attn.q_proj.weight", "[64 32]", "[65536 32]"}},
		{"llama", func(c *arch.Config, _ map[string]made) { c.Layers = 4000 }, []string{"model.layers.2.input_layernorm.weight", "[32]"}},
		{"llama", func(c *arch.Config, _ map[string]made) { c.Layers = 1 }, []string{"model.layers.1.input_layernorm.weight", "1 layers"}},
		{"llama", func(_ *arch.Config, w map[string]made) { w[layer+"mlp.down_proj.weight"] = made{shape: []int{40, 32}} },
			[]string{layer + "mlp.down_proj.weight", "[40 32]", "[32 40]"}},
		{"llama", func(_ *arch.Config, w map[string]made) {
			w[layer+"self_attn.o_proj.weight"] = made{shape: []int{2, 16, 64}}
		},
			[]string{layer + "self_attn.o_proj.weight", "[2 16 64]", "[32 64]"}},
		{"llama-bias", func(_ *arch.Config, w map[string]made) { delete(w, layer+"self_attn.o_proj.bias") }, []string{layer + "self_attn.o_proj.bias", "[36]"}},
		{"llama-bias", func(_ *arch.Config, w map[string]made) { w[layer+"mlp.up_proj.bias"] = made{shape: []int{36}} },
			[]string{layer + "mlp.up_proj.bias", "[36]", "[44]"}},
		{"qwen2", func(_ *arch.Config, w map[string]made) { delete(w, layer+"self_attn.k_proj.bias") }, []string{layer + "self_attn.k_proj.bias", "[16]"}},
		{"qwen3", func(_ *arch.Config, w map[string]made) { delete(w, layer+"self_attn.k_norm.weight") }, []string{layer + "self_attn.k_norm.weight", "[12]"}},
		{"gemma2", func(_ *arch.Config, w map[string]made) { delete(w, layer+"post_feedforward_layernorm.weight") },
			[]string{layer + "post_feedforward_layernorm.weight", "[32]"}},
		{"phi3", func(_ *arch.Config, w map[string]made) {
			w[layer+"self_attn.qkv_proj.weight"] = made{shape: []int{48, 32}}
		},
			[]string{layer + "self_attn.qkv_proj.weight", "[48 32]", "[64 32]"}},
	} {
		f := openFixture(t, c.fixture)
		s := readWeights(t, f.config, f.dir)
		c.change(s.c, s.tensors)
		_, err := open(t.Context(), untouched{s, t}, memory.Limit{}, Options{})
		if !errors.Is(err, arch.ErrWeights) {
			t.Errorf("%s: %v, want %q in an arch.ErrWeights", c.fixture, err, c.says)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %q in it", c.fixture, err, says)
			}
		}
	}
}

// TestFilesThatDoNotFit does so with files: a directory of Hugging Face's, and one
// converted from it.
func TestFilesThatDoNotFit(t *testing.T) {
	dir := t.TempDir()
	copyFile(t, filepath.Join(fixtures, "llama", "config.json"), filepath.Join(dir, "config.json"))
	copyFile(t, filepath.Join(fixtures, "llama", "model.safetensors"), filepath.Join(dir, "model.safetensors"))
	compressed := filepath.Join(t.TempDir(), "model")
	convertTo(t, dir, compressed)
	for _, d := range []string{dir, compressed} {
		openModel(t, d, Options{})
		var edited map[string]any
		readJSON(t, filepath.Join(fixtures, "llama", "config.json"), &edited)
		edited["num_hidden_layers"] = 3
		config, err := json.Marshal(edited)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "config.json"), config, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), d, Options{Verify: cdna.Off}); !errors.Is(err, arch.ErrWeights) || !strings.Contains(err.Error(), "model.layers.2.input_layernorm.weight") {
			t.Errorf("%s: %v", d, err)
		}
	}
}

// TestWrappedModel opens a language model that is part of a larger one, as Gemma 3's
// are stored, in the names of transformers 4.50 and of later ones.
func TestWrappedModel(t *testing.T) {
	f := openFixture(t, "gemma3")
	want := allLogits(t, openModel(t, f.dir, Options{Context: f.Context}), f.Tokens, len(f.Tokens))
	for _, rename := range []func(string) string{
		func(name string) string { return "language_model." + name },
		func(name string) string { return "model.language_model." + strings.TrimPrefix(name, "model.") },
	} {
		dir := t.TempDir()
		var text map[string]any
		readJSON(t, filepath.Join(f.dir, "config.json"), &text)
		config, err := json.Marshal(map[string]any{"model_type": "gemma3", "text_config": text, "vision_config": map[string]any{"hidden_size": 3}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
			t.Fatal(err)
		}
		renamed := map[string]made{}
		for name, x := range readWeights(t, f.config, f.dir).tensors {
			renamed[rename(name)] = x
		}
		renamed["vision_tower.patch.weight"] = made{[]int{3}, []float32{1, 2, 3}}
		renamed["model.embed_audio.weight"] = made{[]int{3}, []float32{1, 2, 3}}
		writeSafetensors(t, filepath.Join(dir, "model.safetensors"), renamed)
		m := openModel(t, dir, Options{Context: f.Context})
		if got := allLogits(t, m, f.Tokens, len(f.Tokens)); !slices.Equal(got, want) {
			t.Error("other logits under other names")
		}
		if !slices.Equal(m.Notes, []string{"what hears is left out: text only", "what sees pictures is left out: text only"}) {
			t.Errorf("notes: %q", m.Notes)
		}
	}
}

func writeSafetensors(t testing.TB, path string, tensors map[string]made) {
	t.Helper()
	var list []safetensors.Entry
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		list = append(list, safetensors.Float32(name, tensors[name].shape, tensors[name].data))
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := safetensors.Write(f, list, nil); err != nil {
		t.Fatal(err)
	}
}
