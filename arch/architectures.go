package arch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// family is what sets an architecture apart from Llama's.
type family struct {
	// names are its model_type in config.json and general.architecture in GGUF.
	names []string
	about string // for people: published models, and what they have beyond Llama
	// defaults are config.json's values where the file leaves them out.
	defaults string
	// prepare, if there is one, reads what the usual keys do not say, before them.
	prepare func(h *hfConfig) error
	// adjust changes what config.json gave a Llama of the same sizes.
	adjust func(c *Config, h *hfConfig) error

	rope         string // config.json's rope_parameters where the file has none
	localRope    bool   // rope_parameters are apart for global and local layers
	phi          bool   // LongRoPE has older names
	partial      bool   // part of a head may turn
	proportional bool   // … of global layers by the angles that all of it would have
	tempered     bool   // rope_parameters say how queries grow with the position
	mrope        bool   // rotary embeddings of pictures have places in it, which are all the same in text
}

// section is the family's in the tables of keys.
func (f *family) section() string { return strings.TrimSuffix(f.names[0], "_text") }

// families is the table of known architectures.
var families = slices.Concat(decoders, encoders)

// decoders are those that continue texts.
var decoders = []family{
	{
		names:  []string{"llama"},
		about:  "Llama 1 to 3, SmolLM 1 and 2, TinyLlama, Yi, …",
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
		names:    []string{"olmoe"},
		about:    "OLMoE: experts; norms of all heads together",
		defaults: `{"max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "num_experts": 64, "num_experts_per_tok": 8}`,
		adjust: func(c *Config, _ *hfConfig) error {
			c.QKNorm, c.WholeNorm = true, true
			return nil
		},
	},
	{
		names:    []string{"granite"},
		about:    "Granite 3 and 4, dense: factors of embeddings, attention, residuals and logits",
		defaults: `{"attention_multiplier": 1, "embedding_multiplier": 1, "residual_multiplier": 1, "logits_scaling": 1}`,
		adjust:   granite,
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
		names: []string{"granitemoehybrid", "granitehybrid"},
		about: "Granite 4, hybrid: Mamba-2 in most layers, attention in some, as a rule without rotary embeddings; experts in some models, and a shared one",
		defaults: `{"vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
			"attention_multiplier": 1, "embedding_multiplier": 1, "residual_multiplier": 1, "logits_scaling": 1, "num_local_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": true,
			"shared_intermediate_size": 1024, "mamba_n_heads": 128, "mamba_n_groups": 1, "mamba_d_state": 256, "mamba_d_head": "auto", "mamba_d_conv": 4, "mamba_expand": 2, "mamba_conv_bias": true}`,
		adjust: graniteHybrid,
	},
	{
		names: []string{"falcon_h1", "falcon-h1"},
		about: "Falcon-H1: attention and Mamba-2 side by side in all layers; factors of most products",
		defaults: `{"vocab_size": 128000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-5,
			"max_position_embeddings": 8192, "mamba_d_ssm": 1024, "mamba_n_heads": 128, "mamba_n_groups": 1, "mamba_d_state": 256, "mamba_d_head": "auto", "mamba_d_conv": 4, "mamba_expand": 2,
			"mamba_conv_bias": true, "mamba_norm_before_gate": true, "lm_head_multiplier": 1, "embedding_multiplier": 1, "key_multiplier": 1, "attention_in_multiplier": 1,
			"attention_out_multiplier": 1, "ssm_in_multiplier": 1, "ssm_out_multiplier": 1}`,
		adjust: falconH1,
	},
	{
		names: []string{"nemotron_h", "nemotron_h_moe"},
		about: "Nemotron-H, Nemotron Nano 2 and 3: layers of Mamba-2, of attention without rotary embeddings, of an FFN without gates or of experts, one of these each",
		defaults: `{"vocab_size": 131072, "hidden_size": 4096, "intermediate_size": 21504, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 4096,
			"layer_norm_epsilon": 1e-5, "mamba_num_heads": 128, "mamba_head_dim": 64, "n_groups": 8, "ssm_state_size": 128, "conv_kernel": 4, "use_conv_bias": true,
			"n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 7688, "moe_shared_expert_intermediate_size": 7688, "routed_scaling_factor": 1, "norm_topk_prob": true}`,
		prepare: nemotronLayers,
		adjust:  nemotronH,
	},
	{
		names:    []string{"mixtral"},
		about:    "Mixtral: experts",
		defaults: `{"max_position_embeddings": 131072, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1000000, "num_local_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": true}`,
		adjust:   func(c *Config, h *hfConfig) error { return c.slide(h, everyLayer) },
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
		names: []string{"glm4_moe"},
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
		names: []string{"cohere"},
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
		names: []string{"deepseek_v3"},
		about: "DeepSeek V3 and R1, Kimi K2, Moonlight: compressed keys and values, experts by a router of sigmoids, and shared ones",
		defaults: `{"vocab_size": 129280, "hidden_size": 7168, "intermediate_size": 18432, "num_hidden_layers": 61, "num_attention_heads": 128, "max_position_embeddings": 4096,
			"q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 256, "n_shared_experts": 1, "moe_intermediate_size": 2048,
			"num_experts_per_tok": 8, "n_group": 8, "topk_group": 4, "first_k_dense_replace": 3, "norm_topk_prob": true, "routed_scaling_factor": 2.5}`,
		adjust: func(c *Config, h *hfConfig) error {
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
		names: []string{"ministral3"},
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
	{
		names: []string{"qwen3_next"},
		about: "Qwen 3 Next: delta nets in three of four layers, gated attention in the fourth; experts, and a shared one with a gate",
		defaults: `{"max_position_embeddings": 32768, "num_key_value_heads": 2, "head_dim": 256, "partial_rotary_factor": 0.25,
			"linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32, "full_attention_interval": 4,
			"num_experts": 512, "num_experts_per_tok": 10, "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "norm_topk_prob": true}`,
		partial: true,
		adjust: func(c *Config, h *hfConfig) error {
			err := qwenHybrid(c, h)
			c.Mixers.Grouped = true
			return err
		},
	},
	{
		names: []string{"qwen3_5_text", "qwen3_5"},
		about: "Qwen 3.5 and 3.6, dense: delta nets in three of four layers, gated attention in the fourth",
		defaults: `{"max_position_embeddings": 32768, "num_key_value_heads": 4, "head_dim": 256, "partial_rotary_factor": 0.25,
			"linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32, "full_attention_interval": 4}`,
		partial: true, mrope: true,
		adjust: qwenHybrid,
	},
	{
		names: []string{"qwen3_5_moe_text", "qwen3_5_moe"},
		about: "Qwen 3.5 and 3.6, mixtures: as the dense ones, with experts, and a shared one with a gate",
		defaults: `{"max_position_embeddings": 32768, "num_key_value_heads": 2, "head_dim": 256, "partial_rotary_factor": 0.25,
			"linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32, "full_attention_interval": 4,
			"num_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "norm_topk_prob": true, "intermediate_size": 512}`,
		partial: true, mrope: true,
		adjust: qwenHybrid,
	},
	{
		names: []string{"lfm2"},
		about: "LFM 2 and 2.5, dense: short convolutions between gates in most layers, attention in some",
		defaults: `{"max_position_embeddings": 128000, "num_key_value_heads": 8, "rope_theta": 1000000, "norm_eps": 1e-5, "tie_word_embeddings": true,
			"intermediate_size": 12288, "conv_L_cache": 3, "block_auto_adjust_ff_dim": true, "block_ffn_dim_multiplier": 1, "block_multiple_of": 256}`,
		adjust: lfm2,
	},
	{
		names: []string{"lfm2_moe"},
		about: "LFM 2 and 2.5, mixtures: experts by a router of sigmoids in all layers but the first",
		defaults: `{"max_position_embeddings": 128000, "num_key_value_heads": 8, "rope_theta": 1000000, "norm_eps": 1e-5, "tie_word_embeddings": true,
			"intermediate_size": 7168, "moe_intermediate_size": 1792, "num_experts": 32, "num_experts_per_tok": 4, "num_dense_layers": 2, "use_expert_bias": true,
			"routed_scaling_factor": 1, "norm_topk_prob": true, "conv_L_cache": 3}`,
		adjust: func(c *Config, h *hfConfig) error {
			if h.Scale == 0 {
				return fmt.Errorf("routed_scaling_factor 0: %w", ErrConfig)
			}
			c.Experts.Sigmoid, c.Experts.Bias, c.Experts.Epsilon = c.Experts.Count > 0, h.UseBias && c.Experts.Count > 0, 1e-6
			return lfm2(c, h)
		},
	},
	{
		names: []string{"gemma2"},
		about: "Gemma 2: norms after layers too, soft caps, windows in every other layer",
		defaults: `{"max_position_embeddings": 8192, "sliding_window": 4096, "num_key_value_heads": 4, "head_dim": 256,
			"query_pre_attn_scalar": 256, "hidden_activation": "gelu_pytorch_tanh", "attn_logit_softcapping": 50, "final_logit_softcapping": 30, "tie_word_embeddings": true}`,
		adjust: func(c *Config, h *hfConfig) error {
			gemma(c, h)
			if h.AttnSoftcap != nil {
				c.AttnSoftcap = *h.AttnSoftcap
			}
			pattern := cmp.Or(h.SlidingWindowPattern, 2)
			return c.slide(h, func(l int) bool { return (l+1)%pattern != 0 })
		},
	},
	{
		names: []string{"gemma3_text", "gemma3"},
		about: "Gemma 3, EmbeddingGemma: norms after layers too and of heads, windows in most layers",
		// The models that see write only what differs from these.
		defaults: `{"max_position_embeddings": 131072, "sliding_window": 4096, "head_dim": 256, "query_pre_attn_scalar": 256,
			"vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
			"num_attention_heads": 8, "num_key_value_heads": 4, "rope_theta": 1000000, "rope_local_base_freq": 10000, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": true}`,
		localRope: true,
		adjust: func(c *Config, h *hfConfig) error {
			gemma(c, h)
			c.QKNorm = true
			if c.LocalRope.Theta == 0 {
				c.LocalRope = Rope{Theta: cmp.Or(h.RopeLocalTheta, 10000)}
			}
			if c.Bidirectional = h.Bidirectional; c.Bidirectional {
				c.TiedHead = false
				if h.SlidingWindow != nil {
					*h.SlidingWindow = *h.SlidingWindow/2 + 1
				}
			}
			pattern := cmp.Or(h.SlidingWindowPattern, 6)
			return c.slide(h, func(l int) bool { return (l+1)%pattern != 0 })
		},
	},
	{
		names: []string{"gemma4_text", "gemma4"},
		about: "Gemma 4: as Gemma 3, with longer heads in global layers, which turn in part; some with keys and values that layers share, or embeddings for each layer, or experts",
		defaults: `{"max_position_embeddings": 131072, "sliding_window": 512, "head_dim": 256, "global_head_dim": 512, "vocab_size": 262144, "hidden_size": 2304, "intermediate_size": 9216,
			"num_hidden_layers": 30, "num_attention_heads": 8, "num_key_value_heads": 4, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": true,
			"vocab_size_per_layer_input": 262144, "hidden_size_per_layer_input": 256}`,
		rope: `{"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000},
			"sliding_attention": {"rope_type": "default", "rope_theta": 10000}}`,
		localRope: true, proportional: true,
		adjust: gemma4,
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

// The constants of gpt-oss's activation.
const (
	swigluAlpha = 1.702
	swigluLimit = 7
)

// Family is an architecture that is known here, in words for people.
type Family struct {
	Name  string `json:"model_type"`     // in config.json
	GGUF  string `json:"gguf,omitempty"` // general.architecture; empty where GGUF files of it are neither read nor written
	About string `json:"about"`          // published models, and what they have beyond Llama
}

// Families lists the architectures that are known here.
func Families() []Family {
	var list []Family
	for _, f := range families {
		one := Family{Name: f.names[0], About: f.about}
		for _, by := range llamaCpp {
			if slices.Contains(by.models, f.names[0]) {
				one.GGUF = by.name
			}
		}
		list = append(list, one)
	}
	return list
}

// findFamily returns the family of a name, or ErrArchitecture with the known ones.
func findFamily(name string) (*family, error) {
	var known []string
	for i := range families {
		if slices.Contains(families[i].names, name) {
			return &families[i], nil
		}
		known = append(known, families[i].names...)
	}
	slices.Sort(known)
	return nil, fmt.Errorf("%q is not one of %s: %w", name, strings.Join(known, ", "), ErrArchitecture)
}

// slide gives the layers that local names, or layer_types, the sliding window, if
// there is one.
func (c *Config) slide(h *hfConfig, local func(layer int) bool) error {
	if h.SlidingWindow != nil {
		c.SlidingWindow = *h.SlidingWindow
	}
	if c.SlidingWindow > 0 {
		c.Local = make([]bool, c.Layers)
		for l := range c.Local {
			c.Local[l] = local(l)
		}
	}
	return h.layerTypes(c)
}

// granite reads the factors of Granite's models.
func granite(c *Config, h *hfConfig) error {
	if h.LogitsScaling == 0 || h.ResidualMultiplier == 0 {
		return fmt.Errorf("logits_scaling %v, residual_multiplier %v: %w", h.LogitsScaling, h.ResidualMultiplier, ErrConfig)
	}
	c.AttnScale, c.EmbedScale, c.ResidualScale, c.LogitScale = h.AttnMultiplier, h.EmbedMultiplier, h.ResidualMultiplier, float32(1/h.LogitsScaling)
	return nil
}

// graniteHybrid reads what sets Granite's hybrids apart.
func graniteHybrid(c *Config, h *hfConfig) error {
	switch {
	case c.Experts.Count == 0:
		c.FFN = cmp.Or(h.SharedFFN, c.FFN)
	case h.SharedFFN > 0:
		c.Experts.Shared = h.SharedFFN
	}
	c.Experts.SharedGate = false
	if h.PositionType != "rope" {
		c.NoRope = slices.Repeat([]bool{true}, c.Layers)
	}
	if err := h.mamba(c); err != nil {
		return err
	}
	if err := h.mambaLayers(c); err != nil {
		return err
	}
	return granite(c, h)
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

// deepSeek is what the models with compressed keys and values share.
func deepSeek(c *Config, h *hfConfig) error {
	if h.Scale == 0 {
		return fmt.Errorf("routed_scaling_factor 0: %w", ErrConfig)
	}
	return h.latent(c)
}

// temper reads how queries grow with their position.
func (c *Config) temper(h *hfConfig) {
	if h.global.Temperature != 0 {
		c.Temperature = Temperature{Factor: h.global.Temperature, Length: cmp.Or(c.Rope.Scaling.Original, h.global.Original)}
	}
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

// chunks reads which layers see chunks only: those with rotary embeddings, or those of layer_types.
func (c *Config) chunks(h *hfConfig) error {
	if h.ChunkSize == nil && len(h.LayerTypes) == 0 {
		return nil // all layers see everything, as with transformers
	}
	local := make([]bool, c.Layers)
	for l := range local {
		local[l] = c.HasRope(l)
	}
	if len(h.LayerTypes) > 0 {
		if len(h.LayerTypes) != c.Layers {
			return fmt.Errorf("layer_types names %d of %d layers: %w", len(h.LayerTypes), c.Layers, ErrConfig)
		}
		for l, kind := range h.LayerTypes {
			if kind != "chunked_attention" && kind != "full_attention" {
				return fmt.Errorf("layer_types has %q, not chunked_attention or full_attention: %w", kind, ErrKey)
			}
			local[l] = kind == "chunked_attention"
		}
	}
	if !slices.Contains(local, true) {
		return nil
	}
	if h.ChunkSize == nil || *h.ChunkSize < 1 {
		return fmt.Errorf("layers see chunks, but there is no attention_chunk_size: %w", ErrConfig)
	}
	c.Chunked, c.SlidingWindow, c.Local = true, *h.ChunkSize, local
	return nil
}

// olmo is what OLMo 2 and 3 share; of GGUF files the first has windows too.
func olmo(c *Config, h *hfConfig) error {
	c.QKNorm, c.WholeNorm, c.PostNorms, c.NoPreNorms = true, true, true, true
	return c.slide(h, func(l int) bool { return (l+1)%4 != 0 })
}

// skipRope reads which layers have no rotary embeddings.
func (c *Config) skipRope(h *hfConfig) error {
	interval := 4 // of a GGUF file
	if h.NoRopeInterval != nil {
		interval = *h.NoRopeInterval
	}
	switch {
	case h.NoRopeLayers != nil && len(h.NoRopeLayers) != c.Layers:
		return fmt.Errorf("no_rope_layers names %d of %d layers: %w", len(h.NoRopeLayers), c.Layers, ErrConfig)
	case interval < 1:
		return fmt.Errorf("no_rope_layer_interval %d: %w", interval, ErrConfig)
	}
	c.NoRope = make([]bool, c.Layers)
	for l := range c.NoRope {
		if h.NoRopeLayers != nil {
			c.NoRope[l] = h.NoRopeLayers[l] == 0
		} else {
			c.NoRope[l] = (l+1)%interval == 0
		}
	}
	return nil
}

func everyLayer(int) bool { return true }

// qwenWindow: the upper layers slide, where the model uses that at all.
func qwenWindow(c *Config, h *hfConfig) error {
	if !h.UseSlidingWindow {
		h.SlidingWindow = nil
	}
	return c.slide(h, func(l int) bool { return l >= h.MaxWindowLayers })
}

// gemma is what Gemma 2 and 3 share.
func gemma(c *Config, h *hfConfig) {
	c.NormOffset, c.PostNorms = true, true
	if h.GemmaAct == "" { // of a GGUF file
		c.Activation = GELUTanh
	}
	c.EmbedScale = float32(math.Sqrt(float64(c.Hidden)))
	if h.QueryPreAttnScalar > 0 {
		c.AttnScale = float32(1 / math.Sqrt(h.QueryPreAttnScalar))
	}
	if h.LogitSoftcap != nil {
		c.LogitSoftcap = *h.LogitSoftcap
	}
}
