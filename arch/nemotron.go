package arch

import (
	"fmt"
	"slices"
)

// hfNemotron are the keys of config.json in Nemotron-H's words.
type hfNemotron struct {
	BlockTypes  []string `json:"layers_block_type"`
	Pattern     string   `json:"hybrid_override_pattern"` // the same as one letter a layer
	ScanHeads   int      `json:"mamba_num_heads"`
	ScanHeadDim int      `json:"mamba_head_dim"`
	ScanGroups  int      `json:"n_groups"`
	ScanState   int      `json:"ssm_state_size"`
	ScanTaps    int      `json:"conv_kernel"`
	UseConvBias bool     `json:"use_conv_bias"`
	ScanBias    bool     `json:"use_bias"`
	NormEpsilon float32  `json:"layer_norm_epsilon"`
	MoEShared   int      `json:"moe_shared_expert_intermediate_size"`
}

// nemotronBlocks are the kinds of layers by their letters.
var nemotronBlocks = map[rune]string{'M': "linear_attention", '*': "full_attention", '-': "mlp", 'E': "moe"}

// nemotronLayers reads how many layers there are: as many as are named, whatever another key says.
func nemotronLayers(h *hfConfig) error {
	if h.BlockTypes == nil && h.Pattern == "" {
		h.BlockTypes = []string{"linear_attention", "moe", "full_attention", "mlp"}
	}
	if h.BlockTypes == nil {
		for _, letter := range h.Pattern {
			kind, ok := nemotronBlocks[letter]
			if !ok {
				return fmt.Errorf("hybrid_override_pattern has %q: %w", letter, ErrKey)
			}
			h.BlockTypes = append(h.BlockTypes, kind)
		}
	}
	h.Layers = len(h.BlockTypes)
	return nil
}

// nemotronH reads what sets Nemotron-H apart.
func nemotronH(c *Config, h *hfConfig) error {
	if len(h.BlockTypes) != c.Layers {
		return fmt.Errorf("%d of %d layers are told what they have: %w", len(h.BlockTypes), c.Layers, ErrConfig)
	}
	c.Single, c.PlainFFN, c.Activation, c.NormEps = true, true, ReLUSquared, h.NormEpsilon
	c.NoRope = slices.Repeat([]bool{true}, c.Layers)
	c.Mixers = Mixers{
		Of: slices.Repeat([]Mixer{NoMixer}, c.Layers), Taps: h.ScanTaps, Bias: h.UseConvBias,
		KeyHeads: h.ScanGroups, ValueHeads: h.ScanHeads, KeyDim: h.ScanState, ValueDim: h.ScanHeadDim,
		Decays: h.decays, Mamba: Mamba{InBias: h.ScanBias, OutBias: h.ScanBias},
	}
	dense := slices.Repeat([]bool{true}, c.Layers)
	for l, kind := range h.BlockTypes {
		switch kind {
		case "linear_attention", "mamba":
			c.Mixers.Of[l] = MambaMixer
		case "full_attention", "attention":
			c.Mixers.Of[l] = AttentionMixer
		case "mlp":
		case "moe":
			dense[l] = false
		default:
			return fmt.Errorf("layers_block_type has %q, not linear_attention, full_attention, mlp or moe: %w", kind, ErrKey)
		}
	}
	return h.nemotronExperts(c, dense)
}

// nemotronExperts reads the experts of the layers that are not dense.
func (h *hfConfig) nemotronExperts(c *Config, dense []bool) error {
	switch {
	case !slices.Contains(dense, false):
		c.Experts = Experts{}
		return nil
	case h.Scale == 0:
		return fmt.Errorf("routed_scaling_factor 0: %w", ErrConfig)
	case c.FFNBias:
		return fmt.Errorf("mlp_bias true is not supported with experts: %w", ErrKey)
	}
	c.Experts.Sigmoid, c.Experts.Bias = true, true
	c.Experts.Dense, c.Experts.Shared, c.Experts.SharedGate = dense, h.MoEShared, false
	return nil
}
