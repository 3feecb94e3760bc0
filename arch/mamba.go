package arch

import (
	"cmp"
	"fmt"
	"slices"
)

// Mamba says how Mamba-2 layers are built besides what [Mixers] say.
type Mamba struct {
	InBias, OutBias bool // of the first matrix and of the last one
	Norm            MambaNorm
	// Channels are what values, keys and queries are multiplied by before the convolution; 0 stands for 1.
	Channels [3]float32
}

// MambaNorm says how what heads answer is normalized by groups.
type MambaNorm string

// The norms of Mamba-2 layers: behind their gates as a rule, before them, or none.
const (
	NormGated MambaNorm = ""
	NormFirst MambaNorm = "first"
	NormNone  MambaNorm = "none"
)

// Multiplier is what a matrix's vectors are multiplied by, and its products, biases included; 0 stands for 1.
type Multiplier struct{ In, Out float32 }

// Product is what products without a bias are multiplied by; 0 stands for 1.
func (m Multiplier) Product() float32 {
	if m == (Multiplier{}) {
		return 0
	}
	return cmp.Or(m.In, 1) * cmp.Or(m.Out, 1)
}

func (m Multiplier) check(use Use) error {
	for _, v := range []float32{m.In, m.Out, m.Product()} {
		if !(v > -1e6 && v < 1e6) {
			return fmt.Errorf("%s times %v and %v: %w", use, m.In, m.Out, ErrConfig)
		}
	}
	return nil
}

// ScaleChannels multiplies the filter [taps, channels] of a layer's convolution by what its channels are multiplied by.
func (c *Config) ScaleChannels(filter []float32) {
	m, width := &c.Mixers, c.MixerWidth()
	if m.Mamba.Channels == [3]float32{} {
		return
	}
	for at := 0; at < len(filter); at += width {
		first := at
		for i, n := range []int{m.Values(), m.Keys(), m.Keys()} {
			for k := range n {
				filter[first+k] *= cmp.Or(m.Mamba.Channels[i], 1)
			}
			first += n
		}
	}
}

// mambaWeights lists the tensors of a Mamba-2 layer. Its first matrix gives a gate, what goes through the convolution
// (values, keys and queries), and the steps' lengths.
func (c *Config) mambaWeights(add *layerList) {
	m, values := &c.Mixers, c.Mixers.Values()
	add.projection("mamba.in_proj", c.Hidden, m.Mamba.InBias,
		Part{MixerGate, values}, Part{MixerInput, c.MixerWidth()}, Part{MixerStep, m.ValueHeads})
	add.filter("mamba.conv1d", ConvFilter, c.MixerWidth(), m.Taps)
	if m.Bias {
		add.vector("mamba.conv1d.bias", ConvBias, c.MixerWidth())
	}
	add.vector("mamba.dt_bias", StepBias, m.ValueHeads)
	add.vector("mamba.A_log", DecayLog, m.ValueHeads)
	add.vector("mamba.D", Skip, m.ValueHeads)
	if m.Mamba.Norm != NormNone {
		add.add(Weight{Name: "mamba.norm.weight", Shape: []int{values}, Groups: m.KeyHeads, Parts: []Part{{MixerNorm, values}}})
	}
	add.projection("mamba.out_proj", values, m.Mamba.OutBias, Part{MixerOutput, c.Hidden})
}

// hfMamba are the keys of config.json about Mamba-2 layers.
type hfMamba struct {
	MambaHeads    int  `json:"mamba_n_heads"`
	MambaGroups   int  `json:"mamba_n_groups"`
	MambaState    int  `json:"mamba_d_state"`
	MambaHeadDim  any  `json:"mamba_d_head"` // a number, or auto
	MambaTaps     int  `json:"mamba_d_conv"`
	Expand        int  `json:"mamba_expand"`
	MambaConvBias bool `json:"mamba_conv_bias"`
	MambaBias     bool `json:"mamba_proj_bias"`
	MambaInner    *int `json:"mamba_d_ssm"` // values of all heads, where Expand does not say it
	MambaRMSNorm  bool `json:"mamba_rms_norm"`
	NormFirst     bool `json:"mamba_norm_before_gate"`
	ProjectorBias bool `json:"projectors_bias"` // of the last matrix

	PositionType string `json:"position_embedding_type"`

	decays bool // see [Mixers]; of a GGUF file
}

// mamba reads the sizes of Mamba-2 layers.
func (h *hfConfig) mamba(c *Config) error {
	values := h.Expand * c.Hidden
	if h.MambaInner != nil {
		values = *h.MambaInner
	}
	c.Mixers = Mixers{
		Taps: h.MambaTaps, Bias: h.MambaConvBias, KeyHeads: h.MambaGroups, ValueHeads: h.MambaHeads, KeyDim: h.MambaState,
		Decays: h.decays, Mamba: Mamba{InBias: h.MambaBias, OutBias: h.MambaBias},
	}
	if h.Expand < 1 || h.Expand > 1<<10 {
		return fmt.Errorf("mamba_expand %d: %w", h.Expand, ErrConfig)
	}
	if h.MambaHeads < 1 || values < 1 || values%h.MambaHeads != 0 {
		return fmt.Errorf("%d values for mamba_n_heads %d: %w", values, h.MambaHeads, ErrConfig)
	}
	c.Mixers.ValueDim = values / h.MambaHeads
	if n, ok := h.MambaHeadDim.(float64); ok && n != float64(c.Mixers.ValueDim) || !ok && h.MambaHeadDim != "auto" {
		return fmt.Errorf("mamba_d_head %v for %d values of %d heads: %w", h.MambaHeadDim, values, h.MambaHeads, ErrConfig)
	}
	return nil
}

// mambaLayers reads which layers have attention, and which Mamba-2 in its place, as all have that nothing says it of.
func (h *hfConfig) mambaLayers(c *Config) error {
	if h.LayerTypes != nil && len(h.LayerTypes) != c.Layers {
		return fmt.Errorf("layer_types names %d of %d layers: %w", len(h.LayerTypes), c.Layers, ErrConfig)
	}
	c.Mixers.Of = slices.Repeat([]Mixer{MambaMixer}, c.Layers)
	for l, kind := range h.LayerTypes {
		switch kind {
		case "linear_attention", "mamba":
		case "full_attention", "attention":
			c.Mixers.Of[l] = AttentionMixer
		default:
			return fmt.Errorf("layer_types has %q, not linear_attention or full_attention: %w", kind, ErrKey)
		}
	}
	if !c.Mixers.HasMamba() {
		c.Mixers = Mixers{}
	}
	return nil
}
