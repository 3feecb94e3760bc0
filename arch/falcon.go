package arch

import (
	"fmt"
	"slices"
)

// hfFalcon are the keys of config.json about what Falcon-H1 multiplies by.
type hfFalcon struct {
	HeadMultiplier float32   `json:"lm_head_multiplier"`
	KeyMultiplier  float32   `json:"key_multiplier"`
	AttnIn         float32   `json:"attention_in_multiplier"`
	AttnOut        float32   `json:"attention_out_multiplier"`
	MambaIn        float32   `json:"ssm_in_multiplier"`
	MambaOut       float32   `json:"ssm_out_multiplier"`
	MambaParts     []float32 `json:"ssm_multipliers"` // of gates, values, keys, queries and steps
	FFNParts       []float32 `json:"mlp_multipliers"` // of gates, and of what comes out
}

// plainFalcon multiplies nothing.
var plainFalcon = hfFalcon{HeadMultiplier: 1, KeyMultiplier: 1, AttnIn: 1, AttnOut: 1, MambaIn: 1, MambaOut: 1}

// falconH1 reads what sets Falcon-H1 apart.
func falconH1(c *Config, h *hfConfig) error {
	if err := h.mamba(c); err != nil {
		return err
	}
	c.Mixers.Of = slices.Repeat([]Mixer{AttentionMamba}, c.Layers)
	m := &c.Mixers.Mamba
	switch m.OutBias = h.ProjectorBias; {
	case !h.MambaRMSNorm:
		m.Norm = NormNone
	case h.NormFirst:
		m.Norm = NormFirst
	}
	return h.multipliers(c)
}

// multipliers reads what Falcon-H1 multiplies by.
func (h *hfConfig) multipliers(c *Config) error {
	f := h.hfFalcon
	if f.MambaParts == nil {
		f.MambaParts = []float32{1, 1, 1, 1, 1}
	}
	if f.FFNParts == nil {
		f.FFNParts = []float32{1, 1}
	}
	for _, l := range []struct {
		name string
		list []float32
		n    int
	}{
		{"lm_head_multiplier", []float32{f.HeadMultiplier}, 1}, {"embedding_multiplier", []float32{h.EmbedMultiplier}, 1}, {"key_multiplier", []float32{f.KeyMultiplier}, 1},
		{"attention_in_multiplier", []float32{f.AttnIn}, 1}, {"attention_out_multiplier", []float32{f.AttnOut}, 1},
		{"ssm_in_multiplier", []float32{f.MambaIn}, 1}, {"ssm_out_multiplier", []float32{f.MambaOut}, 1},
		{"ssm_multipliers", f.MambaParts, 5}, {"mlp_multipliers", f.FFNParts, 2},
	} {
		if len(l.list) != l.n || slices.Contains(l.list, 0) {
			return fmt.Errorf("%s %v: %w", l.name, l.list, ErrConfig)
		}
	}
	c.EmbedScale, c.LogitScale = h.EmbedMultiplier, f.HeadMultiplier
	c.AttnScale *= f.KeyMultiplier
	c.Mixers.Mamba.Channels = [3]float32(f.MambaParts[1:4])
	c.Multipliers = map[Use]Multiplier{
		Query: {f.AttnIn, 1}, Key: {f.AttnIn, 1}, Value: {f.AttnIn, 1}, AttentionOutput: {1, f.AttnOut},
		MixerGate: {f.MambaIn, f.MambaParts[0]}, MixerInput: {f.MambaIn, 1}, MixerStep: {f.MambaIn, f.MambaParts[4]}, MixerOutput: {1, f.MambaOut},
		FFNGate: {1, f.FFNParts[0]}, FFNDown: {1, f.FFNParts[1]},
	}
	return nil
}
