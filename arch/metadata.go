package arch

import (
	"math"
	"slices"
)

// metadataKey is a key of GGUF metadata, behind the architecture's name, and what says the
// same elsewhere.
type metadataKey struct {
	gguf   string
	config string // the key of config.json, if there is one
	// field returns where it is in a Config: a *int, *float32, *float64 or *[]bool; nil where
	// nothing of it is kept.
	field func(c *Config) any
	// missing returns what a file stands for that leaves it out; nil: it must be there.
	missing func(c *Config) float64
	// special keys are read by code of their own, see [ggufReader].
	special bool
	// omitZero: the key is not written where the field is 0.
	omitZero bool
}

func zero(*Config) float64 { return 0 }

// ofExperts is a size of models that have experts, and 0 for others.
func ofExperts(size func(*Config) int) func(*Config) float64 {
	return func(c *Config) float64 {
		if c.Experts.Count == 0 {
			return 0
		}
		return float64(size(c))
	}
}

// metadataKeys is the table of them, in the order in which files have them.
var metadataKeys = []metadataKey{
	{gguf: "block_count", config: "num_hidden_layers", field: func(c *Config) any { return &c.Layers }},
	{gguf: "context_length", config: "max_position_embeddings", field: func(c *Config) any { return &c.Context }},
	{gguf: "embedding_length", config: "hidden_size", field: func(c *Config) any { return &c.Hidden }},
	{gguf: feedForward, config: "intermediate_size", field: func(c *Config) any { return &c.FFN }},
	{gguf: "attention.head_count", config: "num_attention_heads", field: func(c *Config) any { return &c.Heads }},
	{
		gguf: headCountKV, config: "num_key_value_heads", field: func(c *Config) any { return &c.KVHeads },
		missing: func(c *Config) float64 { return float64(c.Heads) },
	},
	{
		gguf: keyLength, config: "head_dim", field: func(c *Config) any { return &c.HeadDim },
		missing: func(c *Config) float64 { return float64(c.Hidden / max(1, c.Heads)) },
	},
	{gguf: valueLength, field: func(c *Config) any { return &c.HeadDim }, special: true},
	{gguf: "vocab_size", field: func(c *Config) any { return &c.Vocab }, special: true},
	{
		gguf: "attention.layer_norm_rms_epsilon", config: "rms_norm_eps", field: func(c *Config) any { return &c.NormEps },
		missing: func(*Config) float64 { return 1e-5 },
	},
	{gguf: shortTaps, config: "conv_L_cache"},
	{gguf: scanTaps, config: "mamba_d_conv"},
	{gguf: scanInner, config: "mamba_d_ssm"},
	{gguf: scanState, config: "mamba_d_state"},
	{gguf: scanHeads, config: "mamba_n_heads"},
	{gguf: scanGroups, config: "mamba_n_groups"},
	{gguf: "attention.sliding_window", config: "sliding_window", field: func(c *Config) any { return &c.SlidingWindow }, missing: zero, omitZero: true},
	{gguf: "attention.sliding_window_pattern", field: func(c *Config) any { return &c.Local }, special: true, omitZero: true},
	{gguf: "attn_logit_softcapping", config: "attn_logit_softcapping", field: func(c *Config) any { return &c.AttnSoftcap }, missing: zero, omitZero: true},
	{gguf: "final_logit_softcapping", config: "final_logit_softcapping", field: func(c *Config) any { return &c.LogitSoftcap }, missing: zero, omitZero: true},
	{gguf: "rope.dimension_count", field: func(c *Config) any { return &c.Rope.Dim }, missing: func(c *Config) float64 { return float64(c.HeadDim) }},
	{
		gguf: "rope.freq_base", config: "rope_theta", field: func(c *Config) any { return &c.Rope.Theta },
		missing: func(*Config) float64 { return 10000 },
	},
	{gguf: "rope.freq_base_swa", config: "rope_local_base_freq", field: func(c *Config) any { return &c.LocalRope.Theta }, missing: zero, omitZero: true},
	{gguf: leadingDense, config: "first_k_dense_replace"},
	{gguf: "expert_count", config: "num_local_experts", field: func(c *Config) any { return &c.Experts.Count }, missing: zero, omitZero: true},
	{gguf: "expert_count", config: "num_experts"}, // as Qwen's configurations have it
	{gguf: "expert_used_count", config: "num_experts_per_tok", field: func(c *Config) any { return &c.Experts.PerToken }, missing: zero, omitZero: true},
	{
		gguf: "expert_feed_forward_length", config: "moe_intermediate_size", field: func(c *Config) any { return &c.Experts.FFN }, omitZero: true,
		missing: ofExperts(func(c *Config) int { return c.FFN }),
	},
	{
		gguf: "expert_shared_feed_forward_length", config: "shared_expert_intermediate_size", field: func(c *Config) any { return &c.Experts.Shared }, omitZero: true,
		missing: zero,
	},
}

// The keys of how rotary embeddings stretch, behind the architecture's name.
const (
	scalingType      = "rope.scaling.type"
	scalingFactor    = "rope.scaling.factor"
	scalingLinear    = "rope.scale_linear" // of 2023, for a factor of that type
	scalingOriginal  = "rope.scaling.original_context_length"
	scalingAttention = "rope.scaling.attn_factor"
)

// What a pair's angle is divided by stands in tensors.
const (
	divisorsName      = "rope_freqs.weight"
	shortDivisorsName = "rope_factors_short.weight"
	longDivisorsName  = "rope_factors_long.weight"
)

// TranslateGGUF says in the words of Hugging Face's config.json what a GGUF file's metadata
// say, of families too that do not run here, for programs that know only those; shape returns
// a tensor's by its GGUF name. It returns nil for metadata without an architecture. What runs
// here reads the metadata themselves ([FromGGUF]).
func TranslateGGUF(metadata Metadata, shape func(name string) ([]int, bool)) map[string]any {
	arch, err := metadata.String("general.architecture")
	if err != nil {
		return nil
	}
	config := map[string]any{"model_type": arch, "tie_word_embeddings": true}
	if f, err := findFamily(arch); err == nil {
		config["model_type"] = f.names[0]
	}
	translate := func(to map[string]any, key, name string) {
		if v, ok := number(metadata, key); ok {
			to[name] = v
		}
	}
	for _, k := range metadataKeys {
		if k.config != "" {
			translate(config, arch+"."+k.gguf, k.config)
		}
	}
	translate(config, "tokenizer.ggml.bos_token_id", "bos_token_id")
	translate(config, "tokenizer.ggml.eos_token_id", "eos_token_id")
	translate(config, "tokenizer.ggml.padding_token_id", "pad_token_id")
	if embedding, ok := shape(GGUFName(EmbeddingName, false)); ok && len(embedding) == 2 {
		config["vocab_size"] = embedding[0]
	}
	if _, ok := shape(GGUFName(HeadName, false)); ok {
		config["tie_word_embeddings"] = false
	}
	scaling := map[string]any{"rope_type": string(ScaleLinear)} // a factor without a type is linear
	if kind, err := metadata.String(arch + "." + scalingType); err == nil {
		scaling["rope_type"] = kind
	}
	translate(scaling, arch+"."+scalingLinear, "factor")
	translate(scaling, arch+"."+scalingFactor, "factor")
	translate(scaling, arch+"."+scalingOriginal, "original_max_position_embeddings")
	factor, _ := metadata.Float(arch + "." + scalingFactor)
	if !metadata.Has(arch + "." + scalingFactor) {
		factor, _ = metadata.Float(arch + "." + scalingLinear)
	}
	if scaling["rope_type"] != "none" && !(scaling["rope_type"] == "linear" && (factor == 0 || factor == 1)) {
		config["rope_scaling"] = scaling
	}
	return config
}

// number reads a key that holds one number, or the same for every layer.
func number(metadata Metadata, key string) (any, bool) {
	if list, err := metadata.Ints(key); err == nil && len(list) > 0 && slices.Min(list) == slices.Max(list) {
		return list[0], true
	}
	if v, err := metadata.Uint(key); err == nil {
		return v, v < math.MaxInt32 // beyond: an unset token
	}
	if v, err := metadata.Float(key); err == nil {
		return float32(v), true // as the file has it: 1e-05, not 9.99999974e-06
	}
	return nil, false
}
