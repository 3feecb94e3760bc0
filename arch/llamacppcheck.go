package arch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// check says what of a model llama.cpp does not compute.
func (t *conventions) check(c *Config) error {
	gemma2 := t.name == "gemma2"
	scale := t.attentionScale(c)
	for _, f := range []struct {
		wrong bool
		what  string
	}{
		{c.Activation != t.activation, fmt.Sprintf("the activation %s", c.Activation)},
		{t.square && c.Heads*c.HeadDim != c.Hidden, fmt.Sprintf("%d heads of %d beside a hidden size of %d", c.Heads, c.HeadDim, c.Hidden)},
		{t.ungrouped && c.Heads != c.KVHeads, fmt.Sprintf("%d key/value heads for %d heads", c.KVHeads, c.Heads)},
		{t.tied && !c.TiedHead, "an output head of its own"},
		{!t.partial && c.Rope.Dim != 0, "rotary embeddings that turn a part of each head"},
		{!t.factors && !t.folded && !t.latent && math.Abs(float64(c.AttnScale/scale)-1) > 1e-6, fmt.Sprintf("attention scaled by %v, not %v", c.AttnScale, scale)},
		{!gemma2 && c.AttnSoftcap != 0, "capped attention scores"},
		{gemma2 && (c.AttnSoftcap == 0 || c.LogitSoftcap == 0), "attention scores or logits that are not capped"},
		{t.window == 0 && c.LogitSoftcap != 0, "capped logits"},
		{!t.usualRope(c), "rotary embeddings in other layers"},
		{c.Bidirectional, "attention to what comes after a token"},
		{c.Activation == ClampedSwiGLU && (c.SwiGLUAlpha != swigluAlpha || c.SwiGLULimit != swigluLimit), "other constants of its activation"},
		{c.Sinks != t.sinks || c.Experts.Biases != t.sinks, "sinks of attention or biases of experts otherwise than there"},
		{!t.mixes(c), "other layers in place of attention, or beside it"},
		{c.Mixers.Bias != c.Mixers.HasMamba(), "convolutions with biases, or without"},
		{c.Mixers.Mamba.Norm == NormFirst, "norms before their gates"},
		{t.factors && t.mixer != "" && c.Mixers.Values() != 2*c.Hidden, fmt.Sprintf("%d values of a Mamba-2 layer beside a hidden size of %d", c.Mixers.Values(), c.Hidden)},
		{t.folded && c.TiedHead && c.EmbedScale != cmp.Or(c.LogitScale, 1), "a tied output head that is multiplied otherwise than embeddings"},
		{!t.sameExperts(c), "experts in some layers only"},
		{!t.single && c.Experts.Sigmoid && !t.routed && !t.stepped, "a router of sigmoids"},
		{!t.weighed && !t.single && (c.Experts.Scale != 0 || c.Experts.Groups != 0), "experts' weights that are multiplied, or groups of experts"},
		{t.weighed && c.Experts.Count == 0, "no experts"},
		{t.weighed && !countsShared(&c.Experts), "a shared expert that is not as long as some others together"},
		{t.weighed && c.Experts.Groups > 0 && (c.Experts.GroupsPerToken >= c.Experts.Groups || c.Experts.Groups >= c.Experts.Count), "groups of experts that leave none out"},
		{t.single && c.Experts.Groups != 0, "groups of experts"},
		{!t.single && !t.weighed && c.Experts.Count > 0 && c.Experts.Normalize != t.normalized, "experts' weights that sum to 1 or not otherwise than there"},
	} {
		if f.wrong {
			return fmt.Errorf("llama.cpp knows no %s with %s", t.name, f.what)
		}
	}
	if t.refuse != nil {
		if what := t.refuse(c); what != "" {
			return fmt.Errorf("llama.cpp knows no %s with %s", t.name, what)
		}
	}
	if what := t.checkRope(c); what != "" {
		return fmt.Errorf("llama.cpp knows no %s with rotary embeddings %s", t.name, what)
	}
	return nil
}

// checkRope says what of the rotary embeddings llama.cpp cannot do, empty if nothing.
func (t *conventions) checkRope(c *Config) string {
	s := c.Rope.Scaling
	switch s.Type {
	case NoScaling, ScaleLinear:
	case ScaleYaRN:
		if !t.betas && (s.BetaFast != 0 && s.BetaFast != 32 || s.BetaSlow != 0 && s.BetaSlow != 1) || s.Exact && !t.unrounded {
			return "whose YaRN has betas other than 32 and 1, or bounds that are not whole"
		}
		if t.name == "gemma3" && s.Attention != 0 && s.Attention != yarnAttention(s.Factor, 1) {
			return "whose YaRN has an attention factor"
		}
	default:
		if !slices.Contains(t.divisors, s.Type) {
			return fmt.Sprintf("scaled by %q", s.Type)
		}
	}
	switch local := c.LocalRope; {
	case !c.slides():
	case t.unscaled:
		if local.Scaling.Type != NoScaling || local.Dim != c.Rope.Dim || local.Theta != c.Rope.Theta {
			return "of their own in layers with a sliding window"
		}
	case t.localTheta && (local.Scaling.Type != NoScaling || local.Dim != c.Rope.Dim && c.Global.Dim == 0):
		return "that are scaled in layers with a sliding window"
	case !t.localTheta && (local.Theta != c.Rope.Theta || local.Scaling.Type != s.Type || local.Dim != c.Rope.Dim):
		return "of their own in layers with a sliding window"
	}
	return ""
}

// mixes tells whether all layers have what llama.cpp knows there.
func (t *conventions) mixes(c *Config) bool {
	if c.Mixers.Of == nil {
		return t.mixer == "" || t.mixer == ConvMixer
	}
	for _, m := range c.Mixers.Of {
		if m != t.mixer && (m != AttentionMixer || t.mixer == AttentionMamba) && (m != NoMixer || !t.single) {
			return false
		}
	}
	return true
}

// sameExperts tells whether all layers with feed-forward layers have experts, or none, but for the first ones where metadata
// count these.
func (t *conventions) sameExperts(c *Config) bool {
	first := 0
	switch {
	case t.stepped:
		return true
	case t.routed:
		first = c.leadingDense()
	}
	for l := first; l < c.Layers; l++ {
		if c.HasFFN(l) && c.HasExperts(l) != (c.Experts.Count > 0) {
			return false
		}
	}
	return true
}

// usualRope tells whether the layers without rotary embeddings are those that llama.cpp expects.
func (t *conventions) usualRope(c *Config) bool {
	if t.factors {
		return c.NoRope == nil || !slices.Contains(c.NoRope, false) || !slices.Contains(c.NoRope, true)
	}
	for l := range c.Layers {
		turns := t.noRope == 0 || (l+1)%t.noRope != 0
		if t.turned && c.slides() {
			turns = c.IsLocal(l)
		}
		if c.HasRope(l) != turns {
			return false
		}
	}
	return true
}

// attentionScale is what llama.cpp multiplies q·k by.
func (t *conventions) attentionScale(c *Config) float32 {
	if t.name == "gemma4" {
		return 1
	}
	if t.largest == c.Layers {
		return float32(1 / math.Sqrt(float64(c.Hidden/c.Heads)))
	}
	return float32(1 / math.Sqrt(float64(c.HeadDim)))
}

// slides tells whether some layer has a sliding window.
func (c *Config) slides() bool { return c.SlidingWindow > 0 && slices.Contains(c.Local, true) }

// usual tells whether the layers with a sliding window are those that llama.cpp
// expects.
func (t *conventions) usual(c *Config) bool {
	for l, local := range c.Local {
		if local != (l%t.window < t.window-1) {
			return false
		}
	}
	return true
}
