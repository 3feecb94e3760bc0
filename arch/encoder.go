package arch

import (
	"cmp"
	"fmt"
)

// hfEncoder are the keys of config.json about models that make vectors of texts.
type hfEncoder struct {
	Bidirectional bool    `json:"use_bidirectional_attention"` // Gemma 3's word
	TokenTypes    int     `json:"type_vocab_size"`             // BERT's words
	PadToken      *int    `json:"pad_token_id"`
	NormBias      bool    `json:"norm_bias"` // ModernBERT's words
	LocalWindow   int     `json:"local_attention"`
	GlobalEvery   int     `json:"global_attn_every_n_layers"`
	GlobalTheta   float64 `json:"global_rope_theta"`
	LocalTheta    float64 `json:"local_rope_theta"`
}

// encoders are the architectures that see all of a text at once.
var encoders = []family{
	{
		names:  []string{"bert"},
		about:  "BERT, MiniLM, BGE, E5, GTE: an encoder with a norm after each layer, learned positions and biases",
		tested: "sentence-transformers, MiniLM-L6",
		defaults: `{"vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu",
			"max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12}`,
		adjust: bert,
	},
	{
		names: []string{"xlm-roberta", "roberta"},
		about: "RoBERTa, XLM-R, multilingual E5, BGE-M3: as BERT, whose positions begin behind the padding token's number",
		defaults: `{"vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu",
			"max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 1}`,
		adjust: func(c *Config, h *hfConfig) error {
			if h.PadToken == nil || *h.PadToken < 0 || *h.PadToken >= c.Context-1 {
				return fmt.Errorf("pad_token_id, behind which positions begin, is missing or not in 0..%d: %w", c.Context-2, ErrConfig)
			}
			c.FirstPosition = *h.PadToken + 1
			return bert(c, h)
		},
	},
	{
		names:  []string{"modernbert"},
		about:  "ModernBERT: an encoder with rotary embeddings, gates, and sliding windows in two of three layers",
		tested: "sentence-transformers",
		defaults: `{"vocab_size": 50368, "hidden_size": 768, "num_hidden_layers": 22, "num_attention_heads": 12, "intermediate_size": 1152, "hidden_activation": "gelu",
			"max_position_embeddings": 8192, "norm_eps": 1e-5, "local_attention": 128, "global_attn_every_n_layers": 3, "global_rope_theta": 160000, "local_rope_theta": 10000,
			"rope_theta": 0}`,
		localRope: true,
		adjust:    modernBERT,
	},
}

// bert is what BERT and RoBERTa share.
func bert(c *Config, h *hfConfig) error {
	c.Bidirectional, c.TiedHead = true, false
	c.LayerNorm, c.NormBias, c.NormEps = true, true, h.LayerNormEps
	c.PostNorms, c.NoPreNorms, c.SumNorms, c.EmbedNorm, c.NoLastNorm = true, true, true, true, true
	c.PlainFFN, c.QKVBias, c.OutBias, c.FFNBias = true, true, true, true
	c.TokenTypes, c.Positions = h.TokenTypes, c.Context
	c.Context -= c.FirstPosition
	c.NoRope = make([]bool, c.Layers)
	for l := range c.NoRope {
		c.NoRope[l] = true
	}
	return nil
}

// modernBERT reads what sets ModernBERT apart.
func modernBERT(c *Config, h *hfConfig) error {
	c.Bidirectional, c.TiedHead = true, false
	c.LayerNorm, c.NormBias, c.EmbedNorm = true, h.NormBias, true
	c.FusedQKV, c.FusedGate = true, true
	if h.BlockEps != nil {
		c.NormEps = *h.BlockEps
	}
	c.Rope.Theta = cmp.Or(c.Rope.Theta, h.GlobalTheta)
	c.LocalRope.Theta = cmp.Or(c.LocalRope.Theta, h.LocalTheta)
	if h.LocalWindow < 0 || h.GlobalEvery < 1 {
		return fmt.Errorf("local_attention %d, global_attn_every_n_layers %d: %w", h.LocalWindow, h.GlobalEvery, ErrConfig)
	}
	window := h.LocalWindow/2 + 1
	h.SlidingWindow = &window
	return c.slide(h, func(l int) bool { return l%h.GlobalEvery != 0 })
}
