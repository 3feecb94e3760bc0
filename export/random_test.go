package export

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// TestRandomModelsRunAlike: models of any sizes, tied or not, with rows beyond the
// tokens and beyond the vocabulary, with the biases that an architecture may have, are
// refused by name or run alike from a GGUF file.
func TestRandomModelsRunAlike(t *testing.T) {
	refused, same := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		model := rapid.SampledFrom([]string{"llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3"}).Draw(r, "model")
		kv := rapid.IntRange(1, 3).Draw(r, "kv")
		heads := kv * rapid.IntRange(1, 3).Draw(r, "shared")
		dim := 2 * rapid.IntRange(1, 5).Draw(r, "dim")
		hidden := heads * dim
		if rapid.Bool().Draw(r, "rectangular") {
			hidden = heads * rapid.IntRange(1, 5).Draw(r, "hidden")
		}
		config := map[string]any{
			"model_type": model, "hidden_size": hidden, "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": dim,
			"intermediate_size": rapid.IntRange(1, 20).Draw(r, "ffn"), "num_hidden_layers": rapid.IntRange(1, 3).Draw(r, "layers"),
			"vocab_size": rapid.IntRange(32, 50).Draw(r, "vocabulary"), "max_position_embeddings": 32,
			"sliding_window":      rapid.SampledFrom([]any{nil, 3, 40}).Draw(r, "window"),
			"tie_word_embeddings": model == "gemma2" || rapid.Bool().Draw(r, "tied"), "attention_bias": rapid.IntRange(0, 3).Draw(r, "bias") == 0,
		}
		switch model {
		case "llama":
			delete(config, "sliding_window")
		case "mistral", "qwen2", "phi3":
			delete(config, "attention_bias") // which their code does not read
		}
		switch model {
		case "gemma2", "gemma3_text":
			config["query_pre_attn_scalar"] = dim
		case "phi3":
			config["original_max_position_embeddings"] = 32
		}
		text, err := json.Marshal(config)
		must(t, err)
		c, err := arch.ParseConfig(text)
		if err != nil {
			r.Fatal(err)
		}
		dir := t.TempDir()
		write(t, dir, "config.json", string(text))
		letters(t, dir)
		rng := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(r, "seed")))
		var entries []safetensors.Entry
		onlyHead := c.TiedHead && rapid.Bool().Draw(r, "only the head is stored")
		prefix := rapid.SampledFrom([]string{"", "language_model."}).Draw(r, "prefix")
		if prefix != "" {
			entries = append(entries, safetensors.Float32("vision_tower.patch.weight", []int{1, 1}, []float32{1}))
		}
		for _, w := range c.Weights(func(name string) bool { return onlyHead && name == arch.HeadName }) {
			if w.Optional {
				continue
			}
			shape := slices.Clone(w.Shape)
			if w.Padded {
				shape[0] += rapid.IntRange(0, 2).Draw(r, "rows")
			}
			n := shape[0]
			if len(shape) == 2 {
				n *= shape[1]
			}
			values := make([]float32, n)
			for i := range values {
				values[i] = float32(rng.NormFloat64() / math.Sqrt(float64(shape[len(shape)-1])))
			}
			entries = append(entries, safetensors.Float32(prefix+w.Name, shape, values))
		}
		must(t, safetensors.Create(filepath.Join(dir, "model.safetensors"), entries, nil))

		out := filepath.Join(t.TempDir(), "model.gguf")
		_, err = c.ToGGUF()
		if wanted := err == nil && !(c.OutBias && model != "llama"); !wanted {
			if _, err := File(t.Context(), dir, out, Options{}); err == nil {
				r.Fatal("exported what llama.cpp cannot")
			}
			refused++
			return
		}
		report, err := File(t.Context(), dir, out, Options{})
		if err != nil {
			r.Fatal(err)
		}
		same++
		n := 24
		for _, note := range report.Notes {
			if strings.Contains(note, "sliding window") {
				n = c.SlidingWindow
			}
		}
		tokens := make([]int, n)
		for i := range tokens {
			tokens[i] = rng.IntN(c.Vocab)
		}
		want, got := forward(t, dir, tokens), forward(t, out, tokens)
		if len(got) != len(want) || len(want) != n*c.Vocab {
			r.Fatalf("%d logits, want %d", len(got), len(want))
		}
		scale := float64(slices.Max(want) - slices.Min(want))
		for i := range want {
			if d := math.Abs(float64(got[i] - want[i])); !(d <= 1e-4*scale) {
				r.Fatalf("logit %d is %v, want %v", i, got[i], want[i])
			}
		}
	})
	if refused == 0 || same == 0 {
		t.Errorf("%d refused, %d alike", refused, same)
	}
}
