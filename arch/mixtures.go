package arch

import "fmt"

// mixtures are decoders with experts.
var mixtures = []family{
	{
		names:    []string{"mixtral"},
		about:    "Mixtral: experts",
		defaults: `{"max_position_embeddings": 131072, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1000000, "num_local_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": true}`,
		adjust:   func(c *Config, h *hfConfig) error { return c.slide(h, everyLayer) },
	},
	{
		names:    []string{"olmoe"},
		about:    "OLMoE: experts; norms of all heads together",
		defaults: `{"max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "num_experts": 64, "num_experts_per_tok": 8}`,
		adjust: func(c *Config, _ *hfConfig) error {
			c.QKNorm, c.WholeNorm = true, true
			return nil
		},
	},
	{
		names:    []string{"granitemoe"},
		about:    "Granite 3, mixtures: experts; factors as Granite's",
		defaults: `{"attention_multiplier": 1, "embedding_multiplier": 1, "residual_multiplier": 1, "logits_scaling": 1, "num_local_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": true}`,
		adjust:   granite,
	},
	{
		names:    []string{"granitemoeshared"},
		about:    "Granite 3 and 4, mixtures: as granitemoe, and a shared expert",
		defaults: `{"attention_multiplier": 1, "embedding_multiplier": 1, "residual_multiplier": 1, "logits_scaling": 1, "num_local_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": true}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.Experts.Shared = h.SharedFFN
			return granite(c, h)
		},
	},
	{
		names: []string{"qwen2_moe", "qwen2moe"},
		about: "Qwen 1.5 and 2, mixtures: experts, and a shared one with a gate",
		defaults: `{"max_position_embeddings": 32768, "sliding_window": 4096, "max_window_layers": 28, "num_key_value_heads": 16,
			"num_experts": 60, "num_experts_per_tok": 4, "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.QKVBias = h.QKVBias == nil || *h.QKVBias
			if !h.UseSlidingWindow {
				h.SlidingWindow = nil
			}
			return c.slide(h, func(l int) bool { return l%2 == 0 && l < h.MaxWindowLayers })
		},
	},
	{
		names:    []string{"qwen3_moe", "qwen3moe"},
		about:    "Qwen 3, mixtures: experts; norms of query and key heads",
		defaults: `{"max_position_embeddings": 32768, "sliding_window": 4096, "num_key_value_heads": 4, "num_local_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.QKNorm = true
			if !h.UseSlidingWindow {
				h.SlidingWindow = nil
			}
			return c.slide(h, everyLayer)
		},
	},
	{
		names: []string{"glm4_moe", "glm4moe"},
		about: "GLM 4.5 and 4.6: experts by a router of sigmoids, and a shared one; parts of heads turn",
		defaults: `{"max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "num_key_value_heads": 8, "partial_rotary_factor": 0.5, "n_routed_experts": 128,
			"num_experts_per_tok": 8, "moe_intermediate_size": 1408, "n_shared_experts": 1, "first_k_dense_replace": 1, "norm_topk_prob": true, "routed_scaling_factor": 1}`,
		partial: true,
		adjust: func(c *Config, h *hfConfig) error {
			if h.Scale == 0 {
				return fmt.Errorf("routed_scaling_factor 0: %w", ErrConfig)
			}
			c.QKNorm, c.OutBias = h.UseQKNorm, false
			c.Experts.Sigmoid, c.Experts.Bias = c.Experts.Count > 0, c.Experts.Count > 0
			return nil
		},
	},
	{
		names: []string{"deepseek_v2"},
		about: "DeepSeek V2: compressed keys and values, experts and shared ones",
		defaults: `{"vocab_size": 102400, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "q_lora_rank": 1536, "kv_lora_rank": 512,
			"qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 64, "n_shared_experts": 2, "moe_intermediate_size": 1407, "routed_scaling_factor": 1, "topk_method": "greedy"}`,
		adjust: func(c *Config, h *hfConfig) error {
			switch h.TopK {
			case "greedy":
				c.Experts.Groups, c.Experts.GroupsPerToken = 0, 0
			case "group_limited_greedy":
			default:
				return fmt.Errorf("topk_method %q is not supported (only greedy or group_limited_greedy): %w", h.TopK, ErrKey)
			}
			return deepSeek(c, h)
		},
	},
	{
		names: []string{"deepseek_v3", "deepseek2"},
		about: "DeepSeek V3 and R1, Kimi K2, Moonlight: compressed keys and values, experts by a router of sigmoids, and shared ones",
		defaults: `{"vocab_size": 129280, "hidden_size": 7168, "intermediate_size": 18432, "num_hidden_layers": 61, "num_attention_heads": 128, "max_position_embeddings": 4096,
			"q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 256, "n_shared_experts": 1, "moe_intermediate_size": 2048,
			"num_experts_per_tok": 8, "n_group": 8, "topk_group": 4, "first_k_dense_replace": 3, "norm_topk_prob": true, "routed_scaling_factor": 2.5}`,
		adjust: func(c *Config, h *hfConfig) error {
			if c.Architecture == "deepseek2" { // GGUF files are of all of them
				c.Experts.Bias = h.UseBias
				return deepSeek(c, h)
			}
			c.Experts.Sigmoid, c.Experts.Bias = true, true
			return deepSeek(c, h)
		},
	},
	{
		names: []string{"glm4_moe_lite"},
		about: "GLM 4.7 Flash: as DeepSeek V3",
		defaults: `{"vocab_size": 154880, "hidden_size": 2048, "intermediate_size": 10240, "num_hidden_layers": 47, "num_attention_heads": 20, "max_position_embeddings": 202752, "rms_norm_eps": 1e-5,
			"q_lora_rank": 768, "kv_lora_rank": 512, "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256, "n_routed_experts": 64, "n_shared_experts": 1, "moe_intermediate_size": 1536,
			"num_experts_per_tok": 4, "first_k_dense_replace": 1, "norm_topk_prob": true, "routed_scaling_factor": 1.8}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.Experts.Sigmoid, c.Experts.Bias = true, true
			return deepSeek(c, h)
		},
	},
	{
		names: []string{"llama4_text", "llama4"},
		about: "Llama 4: experts by a router of sigmoids, which multiply their inputs, and a shared one; chunks of attention, no rotary embeddings in every fourth layer",
		defaults: `{"vocab_size": 202048, "hidden_size": 5120, "intermediate_size": 8192, "intermediate_size_mlp": 16384, "num_hidden_layers": 48, "num_attention_heads": 40, "num_key_value_heads": 8,
			"head_dim": 128, "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "rope_theta": 500000, "num_experts_per_tok": 1, "num_local_experts": 16, "interleave_moe_layer_step": 1, "use_qk_norm": true,
			"no_rope_layer_interval": 4, "attention_chunk_size": 8192, "attn_temperature_tuning": true, "floor_scale": 8192, "attn_scale": 0.1}`,
		adjust: llama4,
	},
	{
		names: []string{"mistral4"},
		about: "Mistral 4: compressed keys and values, experts and shared ones; queries that grow with their position",
		defaults: `{"vocab_size": 131072, "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32, "max_position_embeddings": 1048576,
			"q_lora_rank": 1024, "kv_lora_rank": 256, "qk_nope_head_dim": 64, "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 128, "n_shared_experts": 1, "moe_intermediate_size": 2048,
			"num_experts_per_tok": 4, "norm_topk_prob": true, "routed_scaling_factor": 1}`,
		rope:     `{"rope_type": "yarn", "rope_theta": 10000, "factor": 128, "original_max_position_embeddings": 8192, "beta_fast": 32, "beta_slow": 1, "mscale_all_dim": 1, "mscale": 1, "llama_4_scaling_beta": 0.1}`,
		tempered: true, partial: true,
		adjust: func(c *Config, h *hfConfig) error {
			c.temper(h)
			return deepSeek(c, h)
		},
	},
	{
		names: []string{"gpt_oss", "gpt-oss"},
		about: "gpt-oss: experts with biases and clamped activations, attention sinks, windows in every other layer",
		defaults: `{"max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "num_key_value_heads": 8, "head_dim": 64, "sliding_window": 128, "attention_bias": true,
			"num_local_experts": 128, "num_experts_per_tok": 4, "norm_topk_prob": true, "rope_theta": 150000}`,
		rope: `{"rope_type": "yarn", "factor": 32, "beta_fast": 32, "beta_slow": 1, "truncate": false, "original_max_position_embeddings": 4096}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.Sinks, c.Experts.Biases = true, true
			c.Activation, c.SwiGLUAlpha, c.SwiGLULimit = ClampedSwiGLU, swigluAlpha, swigluLimit
			if h.SwiGLUAlpha != nil {
				c.SwiGLUAlpha = *h.SwiGLUAlpha
			}
			if h.SwiGLULimit != nil {
				c.SwiGLULimit = *h.SwiGLULimit
			}
			return c.slide(h, func(l int) bool { return l%2 == 0 })
		},
	},
}

// The constants of gpt-oss's activation.
const (
	swigluAlpha = 1.702
	swigluLimit = 7
)

// deepSeek is what the models with compressed keys and values share.
func deepSeek(c *Config, h *hfConfig) error {
	if h.Scale == 0 {
		return fmt.Errorf("routed_scaling_factor 0: %w", ErrConfig)
	}
	return h.latent(c)
}

// llama4 reads what sets Llama 4 apart.
func llama4(c *Config, h *hfConfig) error {
	if len(h.NoRopeLayers) == 0 {
		h.NoRopeLayers = nil // every so manieth
	}
	if err := c.skipRope(h); err != nil {
		return err
	}
	x := &c.Experts
	x.Sigmoid, x.OnInput, x.Shared = true, true, x.FFN
	c.FFN, c.Rope.Interleaved, c.UnitNorm = h.DenseFFN, true, h.UseQKNorm
	if h.TemperatureTuning {
		c.Temperature = Temperature{Factor: h.TemperatureFactor, Length: h.TemperatureLength, First: 1, NoRope: true}
	}
	return c.chunks(h)
}
