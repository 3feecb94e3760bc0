package transformer

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// family is what sets an architecture apart from Llama's.
type family struct {
	// names are its model_type in config.json and general.architecture in GGUF.
	names []string
	// defaults are config.json's values where the file leaves them out.
	defaults string
	// adjust changes what config.json gave a Llama of the same sizes.
	adjust func(c *Config, h *hfConfig) error
}

// families is the table of known architectures.
var families = []family{
	{names: []string{"llama"}},
	{
		names:    []string{"mistral"},
		defaults: `{"max_position_embeddings": 131072, "sliding_window": 4096}`,
		adjust:   slideAll,
	},
	{
		names:    []string{"qwen2"},
		defaults: `{"max_position_embeddings": 32768, "sliding_window": 4096, "max_window_layers": 28}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.QKVBias = true
			return qwenWindow(c, h)
		},
	},
	{
		names:    []string{"qwen3"},
		defaults: `{"max_position_embeddings": 32768, "sliding_window": 4096, "max_window_layers": 28, "head_dim": 128}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.QKNorm = true
			return qwenWindow(c, h)
		},
	},
	{
		names: []string{"gemma2"},
		defaults: `{"max_position_embeddings": 8192, "sliding_window": 4096, "head_dim": 256, "query_pre_attn_scalar": 256,
			"attn_logit_softcapping": 50, "final_logit_softcapping": 30, "tie_word_embeddings": true}`,
		adjust: func(c *Config, h *hfConfig) error {
			gemma(c, h)
			if h.AttnSoftcap != nil {
				c.AttnSoftcap = *h.AttnSoftcap
			}
			return c.slide(h, func(l int) bool { return l%2 == 0 })
		},
	},
	{
		names: []string{"gemma3_text", "gemma3"},
		// The models that see write only what differs from these.
		defaults: `{"max_position_embeddings": 131072, "sliding_window": 4096, "head_dim": 256, "query_pre_attn_scalar": 256,
			"vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
			"num_attention_heads": 8, "num_key_value_heads": 4, "rope_theta": 1000000, "tie_word_embeddings": true}`,
		adjust: func(c *Config, h *hfConfig) error {
			gemma(c, h)
			c.QKNorm = true
			if c.LocalRope.Theta == 0 {
				c.LocalRope = Rope{Theta: h.RopeLocalTheta}
			}
			if c.LocalRope.Theta == 0 {
				c.LocalRope.Theta = 10000
			}
			pattern := h.SlidingWindowPattern
			if pattern == 0 {
				pattern = 6
			}
			return c.slide(h, func(l int) bool { return (l+1)%pattern != 0 })
		},
	},
	{
		names:    []string{"phi3"},
		defaults: `{"max_position_embeddings": 4096, "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5}`,
		adjust: func(c *Config, h *hfConfig) error {
			c.FusedQKV, c.FusedGate = true, true
			return slideAll(c, h)
		},
	},
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

// slideAll: all layers slide, whatever layer_types says.
func slideAll(c *Config, h *hfConfig) error {
	h.LayerTypes = nil
	return c.slide(h, func(int) bool { return true })
}

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
	c.Activation = GELUTanh
	c.EmbedScale = float32(math.Sqrt(float64(c.Hidden)))
	if h.QueryPreAttnScalar > 0 {
		c.AttnScale = float32(1 / math.Sqrt(h.QueryPreAttnScalar))
	}
	if h.LogitSoftcap != nil {
		c.LogitSoftcap = *h.LogitSoftcap
	}
}
