package arch

import (
	"cmp"
	"fmt"
)

// Mixer is how a layer brings a sequence's tokens together.
type Mixer string

// The mixers. All but attention keep a state of fixed size in place of keys and values.
const (
	AttentionMixer Mixer = "attention"
	ConvMixer      Mixer = "short_convolution" // between two gates (LFM2)
)

// Mixers says how the layers without attention are built. The zero value has none.
type Mixers struct {
	Of   []Mixer // per layer; nil: all have attention
	Taps int     // tokens that a convolution sees, the newest included
	Bias bool    // convolutions have biases, and what is before and behind them
}

// maxTaps bounds what a convolution sees.
const maxTaps = 1 << 6

// check refuses what makes no sense in a model of so many layers.
func (m *Mixers) check(layers int) error {
	if m.Of == nil {
		if m.Taps != 0 || m.Bias {
			return fmt.Errorf("a convolution in no layer: %w", ErrConfig)
		}
		return nil
	}
	if len(m.Of) != layers {
		return fmt.Errorf("%d of %d layers have attention or not: %w", len(m.Of), layers, ErrConfig)
	}
	if m.Taps < 2 || m.Taps > maxTaps {
		return fmt.Errorf("convolutions over %d tokens are not in 2..%d: %w", m.Taps, maxTaps, ErrConfig)
	}
	return nil
}

// Mixer returns that of a layer, counted from 0.
func (c *Config) Mixer(layer int) Mixer {
	if c.Mixers.Of == nil {
		return AttentionMixer
	}
	return c.Mixers.Of[layer]
}

// State is how many numbers a layer keeps of a sequence in place of keys and values; 0 with attention.
func (c *Config) State(layer int) int {
	if c.Mixer(layer) == ConvMixer {
		return (c.Mixers.Taps - 1) * c.Hidden
	}
	return 0
}

// mixerWeights lists the tensors of what a layer has in place of attention.
func (c *Config) mixerWeights(add *layerList) {
	add.projection("conv.in_proj", c.Hidden, c.Mixers.Bias, Part{MixerInput, 3 * c.Hidden})
	add.filter("conv.conv", ConvFilter, c.Hidden, c.Mixers.Taps)
	if c.Mixers.Bias {
		add.vector("conv.conv.bias", ConvBias, c.Hidden)
	}
	add.projection("conv.out_proj", c.Hidden, c.Mixers.Bias, Part{MixerOutput, c.Hidden})
}

// hfMixers are the keys of config.json about layers without attention.
type hfMixers struct {
	Taps        int      `json:"conv_L_cache"` // LFM2's words
	ConvBias    bool     `json:"conv_bias"`
	AttentionIn []int    `json:"full_attn_idxs"`
	BlockFFN    int      `json:"block_ff_dim"`
	AdjustFFN   bool     `json:"block_auto_adjust_ff_dim"`
	FFNFactor   *float64 `json:"block_ffn_dim_multiplier"`
	FFNMultiple int      `json:"block_multiple_of"`
	TiedBlock   *bool    `json:"tie_embedding"`
	BlockEps    *float32 `json:"norm_eps"`
}

// lfm2 reads what sets LFM2 apart.
func lfm2(c *Config, h *hfConfig) error {
	c.QKNorm = true
	if h.BlockEps != nil {
		c.NormEps = *h.BlockEps
	}
	if h.TiedBlock != nil {
		c.TiedHead = *h.TiedBlock
	}
	if c.FFN = cmp.Or(h.BlockFFN, c.FFN); h.AdjustFFN {
		c.FFN = int(2 * float64(c.FFN) / 3)
		if f, n := h.FFNFactor, h.FFNMultiple; f != nil {
			if n < 1 || n > 1<<20 || !(*f > 0 && *f < 1<<10) {
				return fmt.Errorf("block_ffn_dim_multiplier %v, block_multiple_of %d: %w", *f, n, ErrConfig)
			}
			c.FFN = (int(*f*float64(c.FFN)) + n - 1) / n * n
		}
	}
	return h.convolutions(c)
}

// convolutions reads which layers have attention, and which a short convolution.
func (h *hfConfig) convolutions(c *Config) error {
	m := Mixers{Of: make([]Mixer, c.Layers), Taps: h.Taps, Bias: h.ConvBias}
	switch {
	case h.LayerTypes != nil && len(h.LayerTypes) != c.Layers:
		return fmt.Errorf("layer_types names %d of %d layers: %w", len(h.LayerTypes), c.Layers, ErrConfig)
	case h.LayerTypes == nil && h.AttentionIn == nil:
		return nil // all have attention
	}
	for l := range m.Of {
		if m.Of[l] = AttentionMixer; h.LayerTypes == nil {
			m.Of[l] = ConvMixer
			continue
		}
		switch kind := h.LayerTypes[l]; kind {
		case "conv":
			m.Of[l] = ConvMixer
		case "full_attention":
		default:
			return fmt.Errorf("layer_types has %q, not conv or full_attention: %w", kind, ErrKey)
		}
	}
	if h.LayerTypes == nil {
		for _, l := range h.AttentionIn {
			if l >= 0 && l < c.Layers {
				m.Of[l] = AttentionMixer
			}
		}
	}
	c.Mixers = m
	return nil
}

// MixerWidth is how many channels convolutions have; 0 where there are none.
func (c *Config) MixerWidth() int {
	if c.Mixers.Of == nil {
		return 0
	}
	return c.Hidden
}
