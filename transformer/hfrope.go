package transformer

import (
	"fmt"
	"math"
)

// hfRope is rope_parameters or, without theta, rope_scaling.
type hfRope struct {
	Type          string    `json:"type"` // the older word for rope_type
	RopeType      string    `json:"rope_type"`
	Theta         float64   `json:"rope_theta"`
	PartialRotary float64   `json:"partial_rotary_factor"`
	Factor        float64   `json:"factor"`
	Original      int       `json:"original_max_position_embeddings"`
	LowFreq       float64   `json:"low_freq_factor"`
	HighFreq      float64   `json:"high_freq_factor"`
	BetaFast      float64   `json:"beta_fast"`
	BetaSlow      float64   `json:"beta_slow"`
	MScale        float64   `json:"mscale"`
	MScaleAllDim  float64   `json:"mscale_all_dim"`
	Truncate      *bool     `json:"truncate"`
	Attention     float64   `json:"attention_factor"`
	ShortFactor   []float64 `json:"short_factor"`
	LongFactor    []float64 `json:"long_factor"`

	// Where layers with a sliding window have their own (Gemma 3).
	Full    *hfRope `json:"full_attention"`
	Sliding *hfRope `json:"sliding_attention"`
}

// rope reads the rotary embeddings in their older and newer spelling.
func (h *hfConfig) rope(c *Config) (err error) {
	r := hfRope{}
	switch {
	case h.RopeParameters != nil:
		r = *h.RopeParameters
	case h.RopeScaling != nil:
		r = *h.RopeScaling
	}
	if r.Sliding != nil {
		if c.LocalRope, err = h.oneRope(c, *r.Sliding, h.RopeLocalTheta); err != nil {
			return err
		}
	}
	if r.Full != nil {
		r = *r.Full
	}
	c.Rope, err = h.oneRope(c, r, h.RopeTheta)
	return err
}

// oneRope reads the rotary embeddings of one kind of layers.
func (h *hfConfig) oneRope(c *Config, r hfRope, theta float64) (Rope, error) {
	rope := Rope{Theta: theta}
	if r.Theta != 0 {
		rope.Theta = r.Theta
	}
	partial := r.PartialRotary
	if partial == 0 {
		partial = h.PartialRotary
	}
	if partial != 0 && partial != 1 {
		rope.Dim = int(float64(c.HeadDim) * partial)
		if !(partial > 0 && partial < 1) || rope.Dim == 0 {
			return rope, fmt.Errorf("partial_rotary_factor %v of heads of %d: %w", partial, c.HeadDim, ErrConfig)
		}
	}
	s, err := h.scaling(c, r)
	rope.Scaling = s
	return rope, err
}

// scaling reads how the embeddings stretch, with Hugging Face's defaults.
func (h *hfConfig) scaling(c *Config, r hfRope) (Scaling, error) {
	kind := ScalingType(r.RopeType)
	if kind == "" {
		kind = ScalingType(r.Type)
	}
	switch {
	case kind == "" || kind == "default":
		return Scaling{}, nil
	case kind == "su" || kind == ScaleYaRN && len(r.ShortFactor) > 0: // Phi-3's first words for it
		kind = ScaleLongRoPE
	}
	s := Scaling{Type: kind, Factor: r.Factor}
	switch kind {
	case ScaleLinear:
		return s, nil
	case ScaleDynamic:
		s.Original = c.Context
		return s, nil
	}
	if s.Original = h.Original; s.Original == 0 {
		s.Original = r.Original
	}
	if s.Original == 0 {
		s.Original = c.Context
	}
	if s.Factor == 0 && s.Original > 0 {
		s.Factor = float64(c.Context) / float64(s.Original)
	}
	switch kind {
	case ScaleLlama3:
		s.LowFreq, s.HighFreq = r.LowFreq, r.HighFreq
	case ScaleYaRN:
		s.BetaFast, s.BetaSlow, s.Attention = r.BetaFast, r.BetaSlow, r.Attention
		s.Exact = r.Truncate != nil && !*r.Truncate
		if s.Attention == 0 && r.MScale > 0 && r.MScaleAllDim > 0 {
			s.Attention = yarnAttention(s.Factor, r.MScale) / yarnAttention(s.Factor, r.MScaleAllDim)
		}
	case ScaleLongRoPE:
		s.Short, s.Long, s.Attention = r.ShortFactor, r.LongFactor, r.Attention
		if s.Attention == 0 && s.Factor > 1 && s.Original > 1 {
			s.Attention = math.Sqrt(1 + ln(s.Factor)/ln(float64(s.Original)))
		}
	}
	return s, nil
}
