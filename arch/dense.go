package arch

import (
	"cmp"
	"fmt"
	"slices"
)

// dense are decoders without experts, whose layers all have attention.
var dense = []family{
	{
		names:  []string{"llama"},
		about:  "Llama 1 to 3, SmolLM 1 and 2, TinyLlama, Yi, …",
		tested: "SmolLM 2",
		adjust: func(c *Config, h *hfConfig) error { return h.sameLayerTypes(c) },
	},
	{
		// With layer_types it is what transformers calls Ministral.
		names:    []string{"mistral"},
		about:    "Mistral, Ministral: sliding windows",
		defaults: `{"max_position_embeddings": 131072, "sliding_window": 4096, "num_key_value_heads": 8}`,
		adjust:   func(c *Config, h *hfConfig) error { return c.slide(h, everyLayer) },
	},
	{
		names: []string{"ministral3", "mistral3"},
		about: "Ministral 3: queries that grow with their position",
		defaults: `{"vocab_size": 131072, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 34, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
			"max_position_embeddings": 262144, "rms_norm_eps": 1e-5}`,
		rope:     `{"rope_type": "yarn", "rope_theta": 1000000, "factor": 16, "original_max_position_embeddings": 16384, "beta_fast": 32, "beta_slow": 1, "mscale_all_dim": 1, "mscale": 1, "llama_4_scaling_beta": 0.1}`,
		tempered: true,
		adjust: func(c *Config, h *hfConfig) error {
			c.temper(h)
			return c.slide(h, everyLayer)
		},
	},
	{
		names:    []string{"qwen2"},
		about:    "Qwen 2 and 2.5: biases; windows in upper layers",
		defaults: `{"max_position_embeddings": 32768, "sliding_window": 4096, "max_window_layers": 28, "num_key_value_heads": 32}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.QKVBias = true
			return qwenWindow(c, h)
		},
	},
	{
		names:    []string{"qwen3"},
		about:    "Qwen 3, dense, and Qwen3-Embedding: norms of query and key heads",
		tested:   "sentence-transformers",
		defaults: `{"max_position_embeddings": 32768, "sliding_window": 4096, "max_window_layers": 28, "num_key_value_heads": 32, "head_dim": 128}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.QKNorm = true
			return qwenWindow(c, h)
		},
	},
	{
		names: []string{"seed_oss"},
		about: "Seed-OSS: biases of queries, keys and values",
		defaults: `{"vocab_size": 155136, "intermediate_size": 27648, "num_hidden_layers": 64, "num_attention_heads": 80, "num_key_value_heads": 8, "hidden_size": 4096, "head_dim": 128,
			"max_position_embeddings": 524288, "attention_bias": true}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.OutBias = h.AttnOutBias
			return nil
		},
	},
	{
		names: []string{"ernie4_5"},
		about: "ERNIE 4.5, dense: heads that turn in neighbours",
		defaults: `{"vocab_size": 103424, "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 18, "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 128,
			"max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "rope_theta": 500000, "tie_word_embeddings": true}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.Rope.Interleaved = true
			c.QKVBias, c.OutBias, c.FFNBias = h.AllBias, h.AllBias, h.AllBias
			return nil
		},
	},
	{
		names: []string{"exaone4"},
		about: "EXAONE 4: norms after layers only, and of query and key heads; sliding windows, and no rotary embeddings in other layers",
		defaults: `{"vocab_size": 102400, "hidden_size": 4096, "intermediate_size": 16384, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
			"rms_norm_eps": 1e-5, "sliding_window": 4096}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.QKNorm, c.PostNorms, c.NoPreNorms = true, true, true
			if err := c.slide(h, func(l int) bool { return (l+1)%4 != 0 }); err != nil || c.SlidingWindow == 0 {
				return err
			}
			c.NoRope = make([]bool, c.Layers)
			for l := range c.NoRope {
				c.NoRope[l] = !c.IsLocal(l)
			}
			return nil
		},
	},
	{
		names:    []string{"smollm3"},
		about:    "SmolLM 3: some layers without rotary embeddings",
		defaults: `{"max_position_embeddings": 32768, "num_key_value_heads": 4, "rope_theta": 2000000, "no_rope_layer_interval": 4, "tie_word_embeddings": true}`,
		adjust: func(c *Config, h *hfConfig) error {
			if err := c.skipRope(h); err != nil {
				return err
			}
			if !h.UseSlidingWindow {
				h.SlidingWindow = nil
			}
			return c.slide(h, func(l int) bool { return !c.HasRope(l) })
		},
	},
	{
		names:    []string{"olmo2"},
		about:    "OLMo 2: norms after layers only, and of all heads together",
		defaults: `{"rms_norm_eps": 1e-5}`,
		adjust:   olmo,
	},
	{
		names:     []string{"olmo3"},
		about:     "OLMo 3: as OLMo 2, with sliding windows",
		defaults:  `{"rms_norm_eps": 1e-5, "rope_theta": 500000, "sliding_window": 4096}`,
		localRope: true,
		adjust: func(c *Config, h *hfConfig) error {
			if c.LocalRope.Theta == 0 {
				c.LocalRope.Theta = h.RopeTheta
			}
			return olmo(c, h)
		},
	},
	{
		names:    []string{"granite"},
		about:    "Granite 3 and 4, dense: factors of embeddings, attention, residuals and logits",
		defaults: `{"attention_multiplier": 1, "embedding_multiplier": 1, "residual_multiplier": 1, "logits_scaling": 1}`,
		adjust:   granite,
	},
	{
		names: []string{"cohere", "command-r"},
		about: "Command R and R+: norms that subtract the mean, attention and FFN side by side; R+: norms of query and key heads",
		defaults: `{"vocab_size": 256000, "hidden_size": 8192, "intermediate_size": 22528, "num_hidden_layers": 40, "num_attention_heads": 64, "max_position_embeddings": 8192,
			"logit_scale": 0.0625, "layer_norm_eps": 1e-5, "tie_word_embeddings": true, "rope_theta": 500000}`,
		adjust: cohere,
	},
	{
		names: []string{"cohere2"},
		about: "Command R7B, Command A: as Command R, with sliding windows, and no rotary embeddings in other layers",
		defaults: `{"vocab_size": 256000, "hidden_size": 8192, "intermediate_size": 22528, "num_hidden_layers": 40, "num_attention_heads": 64, "max_position_embeddings": 8192,
			"logit_scale": 0.0625, "layer_norm_eps": 1e-5, "tie_word_embeddings": true, "sliding_window": 4096, "sliding_window_pattern": 4}`,
		adjust: func(c *Config, h *hfConfig) error {
			if h.SlidingWindowPattern < 1 {
				return fmt.Errorf("sliding_window_pattern %d: %w", h.SlidingWindowPattern, ErrConfig)
			}
			if err := c.slide(h, func(l int) bool { return (l+1)%h.SlidingWindowPattern != 0 }); err != nil {
				return err
			}
			c.NoRope = make([]bool, c.Layers)
			for l := range c.NoRope {
				c.NoRope[l] = !c.IsLocal(l)
			}
			return cohere(c, h)
		},
	},
	{
		names:    []string{"phi3"},
		about:    "Phi 3 and 4: fused matrices, parts of heads turn, LongRoPE",
		defaults: `{"max_position_embeddings": 4096, "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.FusedQKV, c.FusedGate = true, true
			types := h.LayerTypes
			h.LayerTypes = nil
			if err := c.slide(h, everyLayer); err != nil {
				return err
			}
			h.LayerTypes = types
			return h.sameLayerTypes(c)
		},
		phi: true, partial: true,
	},
}

// noPositions is Granite's position_embedding_type without rotary embeddings.
const noPositions = "nope"

// granite reads the factors of Granite's models.
func granite(c *Config, h *hfConfig) error {
	if h.LogitsScaling == 0 || h.ResidualMultiplier == 0 {
		return fmt.Errorf("logits_scaling %v, residual_multiplier %v: %w", h.LogitsScaling, h.ResidualMultiplier, ErrConfig)
	}
	if h.PositionType == noPositions {
		c.NoRope = slices.Repeat([]bool{true}, c.Layers)
	}
	c.AttnScale, c.EmbedScale, c.ResidualScale, c.LogitScale = h.AttnMultiplier, h.EmbedMultiplier, h.ResidualMultiplier, float32(1/h.LogitsScaling)
	return nil
}

// cohere is what Cohere's models share.
func cohere(c *Config, h *hfConfig) error {
	if h.LogitScale == 0 {
		return fmt.Errorf("logit_scale 0: %w", ErrConfig)
	}
	c.LayerNorm, c.Parallel, c.Rope.Interleaved = true, true, true
	c.QKNorm, c.HeadNorms = h.UseQKNorm, h.UseQKNorm
	c.NormEps, c.LogitScale = h.LayerNormEps, h.LogitScale
	return nil
}

// temper reads how queries grow with their position.
func (c *Config) temper(h *hfConfig) {
	if h.global.Temperature != 0 {
		c.Temperature = Temperature{Factor: h.global.Temperature, Length: cmp.Or(c.Rope.Scaling.Original, h.global.Original)}
	}
}

// olmo is what OLMo 2 and 3 share; of GGUF files the first has windows too.
func olmo(c *Config, h *hfConfig) error {
	c.QKNorm, c.WholeNorm, c.PostNorms, c.NoPreNorms = true, true, true, true
	return c.slide(h, func(l int) bool { return (l+1)%4 != 0 })
}
