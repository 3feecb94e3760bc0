package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
)

// proportional is the type of rotary embeddings of which the first pairs turn, by the angles that they have where all do.
const proportional ScalingType = "proportional"

// hfRope is rope_parameters or rope_scaling.
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
	Temperature   float64   `json:"llama_4_scaling_beta"`
}

// ropeParameters finds what says how embeddings turn, and takes it out of the keys read.
// A rope_scaling that says something replaces rope_parameters, but for Gemma 3: there
// rope_parameters are apart for global and local layers, and rope_scaling goes on top of
// the global ones. So transformers 5 has it.
func (h *hfConfig) ropeParameters(read map[string]any) (err error) {
	parameters, err := takeObject(read, "rope_parameters")
	if err != nil {
		return err
	}
	scaling, err := takeObject(read, "rope_scaling")
	if err != nil {
		return err
	}
	if parameters == nil && len(scaling) == 0 && h.family.rope != "" {
		if err := json.Unmarshal([]byte(h.family.rope), &parameters); err != nil {
			return err
		}
	}
	if !h.family.localRope {
		name := "rope_parameters"
		if len(scaling) > 0 {
			parameters, name = scaling, "rope_scaling"
		}
		h.global, err = h.parseRope(name, parameters)
		return err
	}
	global, err := takeObject(parameters, "full_attention")
	if err != nil {
		return err
	}
	local, err := takeObject(parameters, "sliding_attention")
	if err != nil {
		return err
	}
	if _, err := configKeys.check(parameters); err != nil {
		return fmt.Errorf("rope_parameters: %w", err)
	}
	if global == nil {
		global = map[string]any{}
	}
	maps.Copy(global, scaling)
	if h.global, err = h.parseRope("rope_parameters.full_attention", global); err != nil {
		return err
	}
	h.local, err = h.parseRope("rope_parameters.sliding_attention", local)
	return err
}

// takeObject takes the object of a key out of another; nil if it is missing or null.
func takeObject(from map[string]any, key string) (map[string]any, error) {
	v := from[key]
	delete(from, key)
	object, ok := v.(map[string]any)
	if v != nil && !ok {
		return nil, fmt.Errorf("%s %s is not an object: %w", key, jsonText(v), ErrConfig)
	}
	return object, nil
}

func (h *hfConfig) parseRope(name string, object map[string]any) (*hfRope, error) {
	sections := []string{"rope"}
	if h.family.mrope {
		sections = append(sections, "mrope")
	}
	if h.family.tempered {
		sections = append(sections, "rope_temperature")
	}
	read, err := configKeys.check(object, sections...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := &hfRope{}
	if err := decode(read, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if r.RopeType == "" && r.Type == "" && (r.Factor != 0 && r.Factor != 1 || r.ShortFactor != nil || r.LongFactor != nil) {
		return nil, fmt.Errorf("%s has factors, but no rope_type: not supported: %w", name, ErrKey)
	}
	return r, nil
}

// rope reads the rotary embeddings in their older and newer spelling.
func (h *hfConfig) rope(c *Config) (err error) {
	if h.local != nil {
		if c.LocalRope, err = h.oneRope(c, *h.local, h.RopeLocalTheta); err != nil {
			return err
		}
	}
	c.Rope, err = h.oneRope(c, *h.global, h.RopeTheta)
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
	if partial != 0 && partial != 1 && ScalingType(r.RopeType) != proportional {
		if !h.family.partial {
			return rope, fmt.Errorf("partial_rotary_factor %v is not supported for %s: %w", partial, c.Architecture, ErrKey)
		}
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
	case h.family.phi && (kind == "su" || kind == ScaleYaRN): // Phi-3's first words for it
		kind = ScaleLongRoPE
	case h.family.phi && kind != ScaleLongRoPE:
		return Scaling{}, fmt.Errorf("rope_type %q is not supported for %s: %w", kind, c.Architecture, ErrKey)
	}
	s := Scaling{Type: kind, Factor: r.Factor}
	if kind == proportional && h.family.proportional { // which the family reads but for this
		if s.Type = ScaleLinear; r.Factor == 0 || r.Factor == 1 {
			s = Scaling{}
		}
		return s, nil
	}
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
