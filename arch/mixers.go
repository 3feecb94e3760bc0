package arch

import (
	"cmp"
	"fmt"
	"slices"
)

// Mixer is how a layer brings a sequence's tokens together.
type Mixer string

// The mixers. Those that are not attention keep a state of fixed size in place of keys and values.
const (
	AttentionMixer Mixer = "attention"
	ConvMixer      Mixer = "short_convolution" // between two gates (LFM2)
	DeltaMixer     Mixer = "gated_delta_net"   // Yang et al. 2024 (Qwen 3.5)
	MambaMixer     Mixer = "mamba2"            // Dao and Gu 2024 (Granite 4)
	// AttentionMamba is both, whose outputs are added (Falcon-H1).
	AttentionMamba Mixer = "attention_and_mamba2"
	NoMixer        Mixer = "none" // with [Config.Single]
)

// Mixers says how the layers without attention are built. The zero value has none.
type Mixers struct {
	Of   []Mixer // per layer; nil: all have attention
	Taps int     // tokens that a convolution sees, the newest included
	Bias bool    // convolutions have biases; short ones, and what is before and behind them

	// Delta nets have KeyHeads heads of queries and keys of KeyDim values, and for each as many of values, of
	// ValueDim values, that there are ValueHeads. Grouped: their projections lie together by heads of keys.
	// Mamba-2 layers have as much in other words: each head's state is of KeyDim by ValueDim values, and those of a
	// group, that there are KeyHeads, are written to and read by the same keys and queries.
	KeyHeads, ValueHeads int
	KeyDim, ValueDim     int
	Grouped              bool
	// GroupedRates: only how much is taken over and forgotten lies together so. Tiled: heads of values lie by turns, one for
	// each head of keys, and not those of one head of keys together. So GGUF files have them.
	GroupedRates, Tiled bool
	Decays              bool // checkpoints hold −e^A in place of A, as GGUF files do

	Mamba Mamba // what only Mamba-2 layers have
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
	if !slices.Contains(m.Of, DeltaMixer) && !m.HasMamba() {
		return nil
	}
	for _, n := range []int{m.KeyHeads, m.ValueHeads, m.KeyDim, m.ValueDim} {
		if n < 1 || n > 1<<12 {
			return fmt.Errorf("states of %d heads of %d, and %d of %d: %w", m.KeyHeads, m.KeyDim, m.ValueHeads, m.ValueDim, ErrConfig)
		}
	}
	if m.ValueHeads%m.KeyHeads != 0 || m.ValueHeads*m.ValueDim > 1<<20 || m.KeyHeads*m.KeyDim > 1<<20 {
		return fmt.Errorf("%d heads of keys for %d of values: %w", m.KeyHeads, m.ValueHeads, ErrConfig)
	}
	return nil
}

// HasMamba tells whether some layer is Mamba-2's.
func (m *Mixers) HasMamba() bool {
	return slices.Contains(m.Of, MambaMixer) || slices.Contains(m.Of, AttentionMamba)
}

// Keys and Values are how many values queries, or keys, and values of all heads of a delta net have, or of a Mamba-2 layer.
func (m *Mixers) Keys() int   { return m.KeyHeads * m.KeyDim }
func (m *Mixers) Values() int { return m.ValueHeads * m.ValueDim }

// Mixer returns that of a layer, counted from 0.
func (c *Config) Mixer(layer int) Mixer {
	if c.Mixers.Of == nil {
		return AttentionMixer
	}
	return c.Mixers.Of[layer]
}

// State is how many numbers a layer keeps of a sequence besides keys and values, which it need not have.
func (c *Config) State(layer int) int {
	m := &c.Mixers
	switch c.Mixer(layer) {
	case ConvMixer:
		return (m.Taps - 1) * c.Hidden
	case DeltaMixer, MambaMixer, AttentionMamba: // what a convolution sees, and a matrix for each head of values
		return (m.Taps-1)*c.MixerWidth() + m.KeyDim*m.Values()
	}
	return 0
}

// MixerWidth is how many channels convolutions have; 0 where there are none.
func (c *Config) MixerWidth() int {
	switch {
	case c.Mixers.Of == nil:
		return 0
	case c.Mixers.KeyHeads > 0:
		return 2*c.Mixers.Keys() + c.Mixers.Values()
	}
	return c.Hidden
}

// mixerWeights lists the tensors of what a layer has in place of attention.
func (c *Config) mixerWeights(add *layerList) {
	m := &c.Mixers
	switch c.Mixer(add.layer) {
	case MambaMixer, AttentionMamba:
		c.mambaWeights(add)
		return
	case DeltaMixer:
		keys, values := m.Keys(), m.Values()
		if m.Grouped {
			add.matrix("linear_attn.in_proj_qkvz", c.Hidden, Part{MixerInput, 2*keys + 2*values})
			add.matrix("linear_attn.in_proj_ba", c.Hidden, Part{MixerRate, 2 * m.ValueHeads})
		} else {
			add.matrix("linear_attn.in_proj_qkv", c.Hidden, Part{MixerInput, 2*keys + values})
			add.matrix("linear_attn.in_proj_z", c.Hidden, Part{MixerGate, values})
		}
		if m.GroupedRates && !m.Grouped {
			add.matrix("linear_attn.in_proj_ba", c.Hidden, Part{MixerRate, 2 * m.ValueHeads})
		} else if !m.Grouped {
			add.matrix("linear_attn.in_proj_b", c.Hidden, Part{MixerRate, m.ValueHeads})
			add.matrix("linear_attn.in_proj_a", c.Hidden, Part{MixerStep, m.ValueHeads})
		}
		add.filter("linear_attn.conv1d", ConvFilter, c.MixerWidth(), m.Taps)
		add.vector("linear_attn.dt_bias", StepBias, m.ValueHeads)
		add.vector("linear_attn.A_log", DecayLog, m.ValueHeads)
		add.norm("linear_attn.norm", MixerNorm, m.ValueDim)
		add.matrix("linear_attn.out_proj", values, Part{MixerOutput, c.Hidden})
		return
	}
	add.projection("conv.in_proj", c.Hidden, m.Bias, Part{MixerInput, 3 * c.Hidden})
	add.filter("conv.conv", ConvFilter, c.Hidden, m.Taps)
	if m.Bias {
		add.vector("conv.conv.bias", ConvBias, c.Hidden)
	}
	add.projection("conv.out_proj", c.Hidden, m.Bias, Part{MixerOutput, c.Hidden})
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

	ConvKernel        int `json:"linear_conv_kernel_dim"` // Qwen's words
	KeyHeadDim        int `json:"linear_key_head_dim"`
	ValueHeadDim      int `json:"linear_value_head_dim"`
	KeyHeads          int `json:"linear_num_key_heads"`
	ValueHeads        int `json:"linear_num_value_heads"`
	AttentionInterval int `json:"full_attention_interval"`

	groupedRates, tiled bool // see [Mixers]; of a GGUF file
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

// qwenHybrid is what Qwen's models with delta nets share.
func qwenHybrid(c *Config, h *hfConfig) error {
	c.QKNorm, c.NormOffset, c.GatedAttention = true, true, true
	c.Mixers = Mixers{
		Of: make([]Mixer, c.Layers), Taps: h.ConvKernel,
		KeyHeads: h.KeyHeads, ValueHeads: h.ValueHeads, KeyDim: h.KeyHeadDim, ValueDim: h.ValueHeadDim,
		GroupedRates: h.groupedRates, Tiled: h.tiled, Decays: h.decays,
	}
	switch {
	case len(h.LayerTypes) > 0 && len(h.LayerTypes) != c.Layers:
		return fmt.Errorf("layer_types names %d of %d layers: %w", len(h.LayerTypes), c.Layers, ErrConfig)
	case len(h.LayerTypes) == 0 && h.AttentionInterval < 1:
		return fmt.Errorf("full_attention_interval %d: %w", h.AttentionInterval, ErrConfig)
	}
	for l := range c.Layers {
		kind := "linear_attention"
		if len(h.LayerTypes) > 0 {
			kind = h.LayerTypes[l]
		} else if (l+1)%h.AttentionInterval == 0 {
			kind = "full_attention"
		}
		switch kind {
		case "linear_attention":
			c.Mixers.Of[l] = DeltaMixer
		case "full_attention":
			c.Mixers.Of[l] = AttentionMixer
		default:
			return fmt.Errorf("layer_types has %q, not linear_attention or full_attention: %w", kind, ErrKey)
		}
	}
	return nil
}
