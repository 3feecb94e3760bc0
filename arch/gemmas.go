package arch

import (
	"cmp"
	"math"
)

// gemmas are Google's.
var gemmas = []family{
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
		names:  []string{"gemma3_text", "gemma3"},
		about:  "Gemma 3, EmbeddingGemma: norms after layers too and of heads, windows in most layers",
		tested: "Gemma 3 270M",
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
