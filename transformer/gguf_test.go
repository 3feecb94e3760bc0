package transformer

import (
	"errors"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/model"
)

// ggufModel is what is written to a GGUF file.
type ggufModel struct {
	arch    string
	keys    map[string]any // without the architecture's prefix
	tensors map[string]made
}

// toGGUF writes a fixture the way llama.cpp's converter does.
func toGGUF(t testing.TB, f *fixture) *ggufModel {
	t.Helper()
	c := f.config
	s := readWeights(t, c, f.dir)
	m := &ggufModel{arch: c.Architecture, tensors: map[string]made{}, keys: map[string]any{
		"block_count": uint32(c.Layers), "embedding_length": uint32(c.Hidden), "feed_forward_length": uint32(c.FFN),
		"attention.head_count": uint32(c.Heads), "attention.head_count_kv": uint32(c.KVHeads), "context_length": uint32(c.Context),
		"attention.key_length": uint32(c.HeadDim), "attention.value_length": uint32(c.HeadDim),
		"attention.layer_norm_rms_epsilon": c.NormEps, "rope.freq_base": float32(c.Rope.Theta), "rope.dimension_count": uint32(c.Rope.Rotated(c.HeadDim)),
	}}
	switch c.Architecture {
	case "mixtral":
		m.arch = "llama"
	case "olmo3":
		m.arch = "olmo2"
	case "qwen2_moe", "qwen3_moe":
		m.arch = strings.Replace(c.Architecture, "_", "", 1)
		m.keys["expert_feed_forward_length"] = uint32(c.Experts.FFN)
	case "gemma3_text":
		m.arch = "gemma3"
		m.keys["attention.sliding_window_pattern"] = uint32(3)
	case "lfm2":
		heads := make([]uint32, c.Layers)
		for l := range heads {
			if c.Mixer(l) == arch.AttentionMixer {
				heads[l] = uint32(c.KVHeads)
			}
		}
		m.keys["attention.head_count_kv"], m.keys["shortconv.l_cache"] = heads, uint32(c.Mixers.Taps)
	case "gemma2":
		m.keys["attn_logit_softcapping"], m.keys["final_logit_softcapping"] = c.AttnSoftcap, c.LogitSoftcap
	}
	if x := &c.Experts; x.Count > 0 {
		m.keys["expert_count"], m.keys["expert_used_count"] = uint32(x.Count), uint32(x.PerToken)
		if x.Shared > 0 {
			m.keys["expert_shared_feed_forward_length"] = uint32(x.Shared)
		}
	}
	if c.SlidingWindow > 0 {
		m.keys["attention.sliding_window"] = uint32(c.SlidingWindow)
	}
	m.scaling(c)
	for name, x := range s.tensors {
		if slices.Contains([]string{"llama", "smollm3"}, m.arch) && (strings.Contains(name, "q_proj") || strings.Contains(name, "k_proj")) {
			x = interleave(x, c.HeadDim)
		}
		if c.NormOffset && strings.Contains(name, "norm") {
			for i := range x.data {
				x.data[i]++
			}
		}
		if strings.HasSuffix(name, ".conv.conv.weight") {
			x.shape = []int{x.shape[0], x.shape[2]}
		}
		if m.arch == "lfm2" && name == arch.NormName {
			m.tensors["token_embd_norm.weight"] = x
			continue
		}
		m.tensors[arch.GGUFName(name, c.PostNorms)] = x
	}
	return m
}

// scaling writes that of rotary embeddings.
func (m *ggufModel) scaling(c *arch.Config) {
	s := c.Rope.Scaling
	divisors := func(name string, list []float64) {
		x := make([]float32, len(list))
		for i, v := range list {
			x[i] = float32(v)
		}
		m.tensors[name] = made{[]int{len(x)}, x}
	}
	switch s.Type {
	case arch.ScaleLinear, arch.ScaleYaRN:
		m.keys["rope.scaling.type"], m.keys["rope.scaling.factor"] = string(s.Type), float32(s.Factor)
		m.keys["rope.scaling.original_context_length"] = uint32(s.Original)
	case arch.ScaleLlama3: // a tensor says by what each angle is divided
		plain, _ := arch.Rope{Theta: c.Rope.Theta}.Frequencies(c.HeadDim, 1)
		scaled, _ := c.Rope.Frequencies(c.HeadDim, 1)
		for i := range plain {
			plain[i] /= scaled[i]
		}
		divisors("rope_freqs.weight", plain)
	case arch.ScaleLongRoPE:
		divisors("rope_factors_short.weight", s.Short)
		divisors("rope_factors_long.weight", s.Long)
		m.keys["rope.scaling.attn_factor"] = float32(s.Attention)
		m.keys["rope.scaling.original_context_length"] = uint32(s.Original)
	}
}

// interleave brings the rows of each head from halves into pairs.
func interleave(x made, headDim int) made {
	cols := 1
	if len(x.shape) == 2 {
		cols = x.shape[1]
	}
	y := made{x.shape, make([]float32, len(x.data))}
	for r := range len(x.data) / cols {
		i := r % headDim
		to := r - i + 2*i
		if i >= headDim/2 {
			to = r - i + 2*(i-headDim/2) + 1
		}
		copy(y.data[to*cols:][:cols], x.data[r*cols:])
	}
	return y
}

func (m *ggufModel) write(t testing.TB) string {
	t.Helper()
	var entries []gguf.Entry
	for _, name := range slices.Sorted(maps.Keys(m.tensors)) {
		data := dtype.AppendF32(nil, m.tensors[name].data)
		entries = append(entries, gguf.Entry{Name: name, Type: gguf.F32, Shape: m.tensors[name].shape, Data: data})
	}
	pairs := []gguf.Pair{{Key: "general.architecture", Value: m.arch}}
	for _, key := range slices.Sorted(maps.Keys(m.keys)) {
		full := m.arch + "." + key
		if strings.HasPrefix(key, "general.") {
			full = key
		}
		pairs = append(pairs, gguf.Pair{Key: full, Value: m.keys[key]})
	}
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := gguf.Create(path, entries, pairs); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGGUF compares the same models from GGUF files with the oracle. (These files
// know neither Mistral's and Qwen's windows nor YaRN's betas and mscale.)
func TestGGUF(t *testing.T) {
	for _, name := range []string{"llama", "llama-bias", "llama-linear", "llama-llama3", "qwen2", "qwen3", "gemma2", "gemma3", "gemma3-linear",
		"phi3", "phi3-partial", "phi3-longrope-short", "phi3-longrope-long", "mixtral", "mixtral-3", "qwen2_moe", "qwen3_moe",
		"smollm3", "olmo2", "olmo2-yarn", "olmo2-tied", "olmo3", "olmoe", "lfm2", "lfm2-eps"} {
		f := openFixture(t, name)
		got := allLogits(t, openModel(t, toGGUF(t, f).write(t), Options{Context: f.Context}), f.Tokens, len(f.Tokens))
		want := f.logits
		if f.config.PostNorms { // Gemma's query_pre_attn_scalar is not in the file
			f.config.AttnScale = float32(1 / math.Sqrt(float64(f.config.HeadDim)))
			rows, _ := forward(f.config, readWeights(t, f.config, f.dir).float64s(), f.Context, f.Tokens)
			want = flatten(rows)
		}
		if worst := largestError(t, got, want); !(worst <= 2e-4) {
			t.Errorf("%s: logits differ by %.2g of the largest", name, worst)
		}
	}
}

// TestGGUFNorms: norms of [n, 1] are norms.
func TestGGUFNorms(t *testing.T) {
	f := openFixture(t, "llama")
	m := toGGUF(t, f)
	for name, x := range m.tensors {
		if strings.Contains(name, "norm") {
			m.tensors[name] = made{[]int{1, len(x.data)}, x.data}
		}
	}
	path := m.write(t)
	got := allLogits(t, openModel(t, path, Options{Context: f.Context}), f.Tokens, len(f.Tokens))
	if worst := largestError(t, got, f.logits); !(worst <= 2e-4) {
		t.Errorf("logits differ by %.2g of the largest", worst)
	}
	dir := filepath.Join(t.TempDir(), "model")
	convertTo(t, path, dir, "snr=60")
	converted, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range converted.Manifest.Tensors {
		if strings.Contains(name, "norm") && r.Format != model.FormatNPY {
			t.Errorf("%s is compressed", name)
		}
	}
	got = allLogits(t, openModel(t, dir, Options{Context: f.Context}), f.Tokens, len(f.Tokens))
	if worst := largestError(t, got, f.logits); !(worst <= 0.15) {
		t.Errorf("converted: logits differ by %.2g of the largest", worst)
	}
}

// TestConvertedGGUF: the file's metadata and names stay, and mean the same.
func TestConvertedGGUF(t *testing.T) {
	for _, name := range []string{"llama-llama3", "phi3-longrope-long", "mixtral", "qwen2_moe", "lfm2"} {
		f := openFixture(t, name)
		dir := filepath.Join(t.TempDir(), "model")
		convertTo(t, toGGUF(t, f).write(t), dir, "snr=60")
		got := allLogits(t, openModel(t, dir, Options{Context: f.Context}), f.Tokens, len(f.Tokens))
		if worst := largestError(t, got, f.logits); !(worst <= 0.15) {
			t.Errorf("%s: logits differ by %.2g of the largest", name, worst)
		}
	}
}

func TestGGUFRefuses(t *testing.T) {
	for _, c := range []struct {
		fixture string
		change  func(m *ggufModel)
		says    string
		want    error
	}{
		{"llama", func(m *ggufModel) { m.arch = "gpt2" }, "gemma2, gemma3", arch.ErrArchitecture},
		{"llama", func(m *ggufModel) { delete(m.keys, "block_count") }, "llama.block_count", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["block_count"] = "two" }, "llama.block_count", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["block_count"] = uint32(0) }, "number of layers 0", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["block_count"] = uint32(3) }, "model.layers.2.input_layernorm.weight", arch.ErrWeights},
		{"llama", func(m *ggufModel) { m.keys["embedding_length"] = int32(-32) }, "llama.embedding_length", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["feed_forward_length"] = uint64(1) << 40 }, "llama.feed_forward_length", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["attention.head_count"] = uint32(0) }, "number of heads 0", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["attention.head_count_kv"] = uint32(3) }, "4 heads share 3", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["attention.head_count_kv"] = uint32(0) }, "key/value heads 0", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["attention.head_count_kv"] = []uint32{2, 1} }, "head_count_kv", arch.ErrConfig},
		{"llama", func(m *ggufModel) {
			m.keys["attention.key_length"], m.keys["attention.value_length"] = uint32(7), uint32(7)
			m.keys["rope.dimension_count"] = uint32(7)
		}, "head size 7 is odd", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["attention.value_length"] = uint32(8) }, "keys of 16 and values of 8", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["rope.scaling.type"] = "spiral" }, `"spiral"`, arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["rope.dimension_count"] = uint32(20) }, "turns 20 of 16", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["rope.freq_base"] = float32(math.Inf(1)) }, "theta", arch.ErrConfig},
		{"llama", func(m *ggufModel) { delete(m.tensors, "token_embd.weight") }, "token_embd.weight", arch.ErrWeights},
		{"llama", func(m *ggufModel) { delete(m.tensors, "blk.1.ffn_up.weight") }, "model.layers.1.mlp.up_proj.weight", arch.ErrWeights},
		{"llama-llama3", func(m *ggufModel) { m.tensors["rope_freqs.weight"] = made{[]int{3}, []float32{1, 1, 1}} }, "3 values for 8 pairs", arch.ErrWeights},
		{"phi3-longrope-long", func(m *ggufModel) { delete(m.tensors, "rope_factors_long.weight") }, "8 and 0 divisors", arch.ErrConfig},
		{"gemma2", func(m *ggufModel) { m.keys["attn_logit_softcapping"] = float32(-1) }, "soft caps", arch.ErrConfig},
		{"llama", func(m *ggufModel) { m.keys["attention.causal"] = false }, "llama.attention.causal false", arch.ErrKey},
		{"lfm2", func(m *ggufModel) { m.keys["attention.head_count_kv"] = []uint32{0, 1, 2, 0} }, "1 for one layer and 2", arch.ErrKey},
		{"lfm2", func(m *ggufModel) { m.keys["attention.head_count_kv"] = []uint32{0, 1, 0} }, "layer_types names 3 of 4", arch.ErrConfig},
		{"lfm2", func(m *ggufModel) { delete(m.keys, "shortconv.l_cache") }, "convolutions over 0 tokens", arch.ErrConfig},
		{"qwen2", func(m *ggufModel) { m.keys["expert_count"] = uint32(8) }, "qwen2.expert_count 8", arch.ErrKey},
		{"llama", func(m *ggufModel) { m.keys["expert_count"] = uint32(8) }, "0 of 8 experts", arch.ErrConfig},
		{"mixtral", func(m *ggufModel) { m.keys["expert_count"] = uint32(6) }, "mlp.gate.weight is [5 26]", arch.ErrWeights},
		{"mixtral", func(m *ggufModel) { m.keys["expert_used_count"] = uint32(6) }, "6 of 5 experts", arch.ErrConfig},
		{"mixtral", func(m *ggufModel) { m.keys["expert_gating_func"] = uint32(2) }, "llama.expert_gating_func 2", arch.ErrKey},
		{"qwen2_moe", func(m *ggufModel) { delete(m.keys, "expert_shared_feed_forward_length") }, "no qwen2moe.expert_shared_feed_forward_length", arch.ErrConfig},
		{"qwen3_moe", func(m *ggufModel) { m.keys["expert_weights_norm"] = false }, "qwen3moe.expert_weights_norm false", arch.ErrKey},
		{"llama", func(m *ggufModel) { m.keys["logit_scale"] = float32(0.5) }, "llama.logit_scale 0.5", arch.ErrKey},
		{"llama", func(m *ggufModel) { m.keys["attention.scale"] = float32(0.5) }, "attention.scale 0.5", arch.ErrKey},
		{"llama", func(m *ggufModel) { m.keys["attention.sliding_window"] = uint32(5) }, "attention.sliding_window 5", arch.ErrKey},
		{"llama", func(m *ggufModel) { m.keys["attention.clamp_kqv"] = float32(8) }, "attention.clamp_kqv 8", arch.ErrKey},
		{"llama", func(m *ggufModel) { m.keys["pooling_type"] = uint32(1) }, "pooling_type 1", arch.ErrKey},
		{"llama", func(m *ggufModel) { m.keys["final_logit_softcapping"] = float32(30) }, "final_logit_softcapping 30", arch.ErrKey},
		{"llama", func(m *ggufModel) { m.keys["general.type"] = "adapter" }, `general.type "adapter"`, arch.ErrKey},
		{"llama", func(m *ggufModel) { m.keys["feed_forward_length"] = []uint32{40, 41} }, "40 for one layer and 41", arch.ErrKey},
		{"llama-yarn", func(m *ggufModel) { m.keys["rope.scaling.yarn_beta_fast"] = float32(4) }, "yarn_beta_fast 4", arch.ErrKey},
		{"llama-llama3", func(m *ggufModel) { m.keys["rope.scaling.type"] = "yarn" }, "yarn together with", arch.ErrConfig},
		{"gemma3", func(m *ggufModel) { m.keys["attention.sliding_window_pattern"] = []bool{true} }, "layer_types names 1 of 4", arch.ErrConfig},
	} {
		m := toGGUF(t, openFixture(t, c.fixture))
		c.change(m)
		if _, err := Open(t.Context(), m.write(t), Options{}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q in %v", c.fixture, err, c.says, c.want)
		}
	}
}

// TestGGUFKeys: what keys mean, and what their absence does.
func TestGGUFKeys(t *testing.T) {
	for _, c := range []struct {
		what, fixture string
		keys          map[string]any // nil removes a key
		got           func(*arch.Config) float64
		want          float64
	}{
		{"YaRN's own attention factor", "llama-yarn", nil, magnitude, 0.1*math.Log(4) + 1},
		{"one on top of it", "llama-yarn", map[string]any{"rope.scaling.attn_factor": float32(2)}, magnitude, 2 * (0.1*math.Log(4) + 1)},
		{"LongRoPE's", "phi3-longrope-long", map[string]any{"rope.scaling.attn_factor": float32(2)}, magnitude, 2},
		{"Gemma 2's soft cap", "gemma2", map[string]any{"attn_logit_softcapping": nil}, func(c *arch.Config) float64 { return float64(c.AttnSoftcap) }, 50},
		{"Gemma 2's logits", "gemma2", map[string]any{"final_logit_softcapping": nil}, func(c *arch.Config) float64 { return float64(c.LogitSoftcap) }, 30},
		{"Gemma 2's window", "gemma2", map[string]any{"attention.sliding_window": nil}, func(c *arch.Config) float64 { return float64(c.SlidingWindow) }, 4096},
		{"Gemma 3's local base", "gemma3", nil, func(c *arch.Config) float64 { return c.LocalRope.Theta }, 10000},
		{"another one", "gemma3", map[string]any{"rope.freq_base_swa": float32(5000)}, func(c *arch.Config) float64 { return c.LocalRope.Theta }, 5000},
		{"scale_linear of 2023", "llama", map[string]any{"rope.scale_linear": float32(2)}, factor, 2},
		{"a factor without a type", "llama", map[string]any{"rope.scaling.factor": float32(3)}, factor, 3},
		{"a factor before scale_linear", "llama", map[string]any{"rope.scaling.factor": float32(3), "rope.scale_linear": float32(2)}, factor, 3},
		{"a factor of none", "llama", map[string]any{"rope.scaling.factor": float32(3), "rope.scaling.type": "none"}, factor, 0},
		{"a factor of 0", "llama", map[string]any{"rope.scaling.factor": float32(0), "rope.scaling.type": "linear"}, factor, 0},
		{"a factor beside divisors", "llama-llama3", map[string]any{"rope.scaling.factor": float32(2)}, func(c *arch.Config) float64 { return c.Rope.Scaling.Short[0] }, 2},
		{"equal sizes by layer", "llama", map[string]any{"attention.head_count_kv": []int32{2, 2}, "feed_forward_length": []uint32{40, 40}},
			func(c *arch.Config) float64 { return float64(c.KVHeads * c.FFN) }, 80},
		{"windows by layer", "gemma3", map[string]any{"attention.sliding_window_pattern": []bool{false, true, false, false}},
			func(c *arch.Config) float64 { return float64(slices.Index(c.Local, true)) }, 1},
		{"a window as long as the context", "llama", map[string]any{"attention.sliding_window": uint32(64)}, func(c *arch.Config) float64 { return float64(c.SlidingWindow) }, 0},
		{"what says nothing", "llama", map[string]any{"general.sampling.temp": float32(0.5), "attention.causal": true, "expert_count": uint32(0), "logit_scale": float32(1)}, factor, 0},
		{"heads from the width", "llama", map[string]any{"attention.key_length": nil, "attention.value_length": nil, "rope.dimension_count": nil},
			func(c *arch.Config) float64 { return float64(c.HeadDim) }, 8},
	} {
		m := toGGUF(t, openFixture(t, c.fixture))
		for key, v := range c.keys {
			if m.keys[key] = v; v == nil {
				delete(m.keys, key)
			}
		}
		s, err := openDense(t.Context(), located(t, m.write(t)))
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		config, err := s.config(t.Context())
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		} else if got := c.got(config); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// factor returns that of the rotary embeddings' scaling.
func factor(c *arch.Config) float64 { return c.Rope.Scaling.Factor }

// magnitude returns the factor of sines and cosines.
func magnitude(c *arch.Config) float64 {
	_, factor := c.Rope.Frequencies(c.HeadDim, c.Context)
	return factor
}
