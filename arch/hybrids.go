package arch

import (
	"cmp"
	"fmt"
	"slices"
)

// hybrids are decoders with layers that have something else than attention.
var hybrids = []family{
	{
		names: []string{"qwen3_next", "qwen3next"},
		about: "Qwen 3 Next: delta nets in three of four layers, gated attention in the fourth; experts, and a shared one with a gate",
		defaults: `{"max_position_embeddings": 32768, "num_key_value_heads": 2, "head_dim": 256, "partial_rotary_factor": 0.25,
			"linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32, "full_attention_interval": 4,
			"num_experts": 512, "num_experts_per_tok": 10, "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "norm_topk_prob": true}`,
		partial: true,
		adjust: func(c *Config, h *hfConfig) error {
			err := qwenHybrid(c, h)
			c.Mixers.Grouped = !h.groupedRates
			return err
		},
	},
	{
		names: []string{"qwen3_5_text", "qwen3_5", "qwen35"},
		about: "Qwen 3.5 and 3.6, dense: delta nets in three of four layers, gated attention in the fourth",
		defaults: `{"max_position_embeddings": 32768, "num_key_value_heads": 4, "head_dim": 256, "partial_rotary_factor": 0.25,
			"linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32, "full_attention_interval": 4}`,
		partial: true, mrope: true,
		adjust: qwenHybrid,
	},
	{
		names: []string{"qwen3_5_moe_text", "qwen3_5_moe", "qwen35moe"},
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
		names: []string{"lfm2_moe", "lfm2moe"},
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
