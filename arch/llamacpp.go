package arch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// conventions are what llama.cpp computes for an architecture of GGUF, whatever the metadata
// say. What a model does otherwise cannot be written to such a file.
type conventions struct {
	name       string // general.architecture
	models     []string
	activation Activation
	biases     []string // the parts that may have one
	neighbours bool     // rotary embeddings turn neighbours, not halves
	partial    bool     // … or only the first values of a head
	square     bool     // all heads together are as long as the residual stream
	ungrouped  bool     // every head has keys and values of its own
	tied       bool     // the output head is always the embeddings
	divisors   []ScalingType
	// slides: files have a sliding window. window tells which layers have it where a file
	// does not: those with l mod window < window−1. 0: llama.cpp makes nothing of it.
	slides bool
	window int
	// experts: files may have experts. The weights of the chosen sum to 1 where normalized says so.
	experts, normalized bool
	// unscaled: rotary embeddings are not scaled in layers with a sliding window.
	unscaled bool
	// postAttention: the norm before the feed-forward layer is called as that after attention elsewhere.
	postAttention bool
	// sinks: attention has sinks, and experts have biases.
	sinks bool
	// unrounded: llama.cpp's own conversion, too, leaves out that YaRN's bounds are not whole.
	unrounded bool
	// mixer is what layers may have in place of attention, or have beside it; empty for nothing.
	mixer Mixer
	// single: a layer has attention, or what is in its place, or a feed-forward layer.
	single bool
	// factors: embeddings, residuals, logits and attention are multiplied by what metadata say (Granite), which also say
	// whether there are rotary embeddings.
	factors bool
	// folded: all that products are multiplied by is in the weights (Falcon-H1).
	folded bool
	// bareNorm: the name of the norm before the feed-forward layer ends without ".weight".
	bareNorm bool
	// finalNorm is what the last norm is called, where it is not output_norm.
	finalNorm string
	// noRope: every so manieth layer has no rotary embeddings. 0: all have them.
	noRope int
	// largest is the number of layers of the model whose attention is scaled by its
	// hidden size per head, 1/√(hidden/heads).
	largest int
	// missing are values of keys that a file leaves out, where they are not 0.
	missing map[string]float64
}

var attention = []string{"attn_q", "attn_k", "attn_v"}

// llamaCpp is the table of GGUF's architectures.
var llamaCpp = []conventions{
	{
		name: "llama", models: []string{"llama", "mistral", "mixtral"}, activation: SiLU, neighbours: true, experts: true, normalized: true,
		biases:   append([]string{"attn_output", "ffn_gate", "ffn_up", "ffn_down"}, attention...),
		divisors: []ScalingType{ScaleLlama3, ScaleLongRoPE},
	},
	{name: "qwen2", models: []string{"qwen2"}, activation: SiLU, biases: attention, square: true},
	{name: "qwen3", models: []string{"qwen3"}, activation: SiLU, biases: attention},
	{name: "smollm3", models: []string{"smollm3"}, activation: SiLU, neighbours: true, noRope: 4},
	{name: "olmo2", models: []string{"olmo2", "olmo3"}, activation: SiLU, square: true, slides: true, window: 4, unscaled: true},
	{name: "olmoe", models: []string{"olmoe"}, activation: SiLU, square: true, ungrouped: true, experts: true},
	{
		name: "gpt-oss", models: []string{"gpt_oss", "gpt-oss"}, activation: ClampedSwiGLU, experts: true, normalized: true, sinks: true, postAttention: true, unrounded: true,
		biases: append([]string{"attn_output", "ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"}, attention...),
		slides: true, window: 2,
	},
	{name: "qwen2moe", models: []string{"qwen2_moe", "qwen2moe"}, activation: SiLU, biases: attention, square: true, experts: true},
	{name: "qwen3moe", models: []string{"qwen3_moe", "qwen3moe"}, activation: SiLU, biases: attention, experts: true, normalized: true},
	{name: "lfm2", models: []string{"lfm2"}, activation: SiLU, square: true, mixer: ConvMixer, finalNorm: "token_embd_norm"},
	{
		name: "granitehybrid", models: []string{"granitemoehybrid", "granitehybrid"}, activation: SiLU, neighbours: true, experts: true, normalized: true,
		biases: append([]string{"attn_output", "ffn_gate", "ffn_up", "ffn_down", "ssm_conv1d", "ssm_dt"}, attention...),
		mixer:  MambaMixer, factors: true,
	},
	{
		name: "falcon-h1", models: []string{"falcon_h1", "falcon-h1"}, activation: SiLU,
		biases: append([]string{"ffn_gate", "ffn_up", "ffn_down", "ssm_conv1d", "ssm_dt"}, attention...),
		mixer:  AttentionMamba, folded: true, bareNorm: true,
	},
	{
		name: "nemotron_h", models: []string{"nemotron_h"}, activation: ReLUSquared,
		biases: []string{"ffn_up", "ffn_down", "ssm_conv1d", "ssm_dt"}, mixer: MambaMixer, single: true, noRope: 1,
	},
	{
		name: "nemotron_h_moe", models: []string{"nemotron_h", "nemotron_h_moe"}, activation: ReLUSquared, experts: true,
		biases: []string{"exp_probs_b", "ssm_conv1d", "ssm_dt"}, mixer: MambaMixer, single: true, noRope: 1,
	},
	{
		name: "gemma2", models: []string{"gemma2"}, activation: GELUTanh, biases: attention, partial: true, tied: true,
		slides: true, window: 2, largest: 46,
		missing: map[string]float64{"attention.sliding_window": 4096, "attn_logit_softcapping": 50, "final_logit_softcapping": 30},
	},
	{
		name: "gemma3", models: []string{"gemma3", "gemma3_text"}, activation: GELUTanh, biases: attention, partial: true,
		slides: true, window: 6, largest: 62,
	},
	{
		name: "phi3", models: []string{"phi3"}, activation: SiLU, partial: true, square: true, slides: true,
		divisors: []ScalingType{ScaleLongRoPE},
	},
}

// conventionsOf returns those of an architecture of GGUF. Files that name one of Hugging Face's
// instead are not llama.cpp's: nothing in them is rearranged.
func conventionsOf(name string) *conventions {
	for i := range llamaCpp {
		if llamaCpp[i].name == name {
			return &llamaCpp[i]
		}
	}
	return &conventions{name: name, slides: true}
}

// findConventions returns those that a model goes by, and what of it llama.cpp does not compute.
func findConventions(c *Config) (*conventions, error) {
	for i := range llamaCpp {
		t := &llamaCpp[i]
		if slices.Contains(t.models, c.Architecture) && (!t.single || t.experts == (c.Experts.Count > 0)) {
			return t, t.check(c)
		}
	}
	return nil, fmt.Errorf("llama.cpp's conventions for %s are not known", c.Architecture)
}

// tensor is what a file calls a tensor, empty if llama.cpp has none.
func (t *conventions) tensor(c *Config, name string) string {
	if name == NormName && t.finalNorm != "" {
		return t.finalNorm + ".weight"
	}
	gguf := GGUFName(name, c.PostNorms || t.postAttention)
	if t.bareNorm && strings.HasSuffix(gguf, ".ffn_norm.weight") {
		return strings.TrimSuffix(gguf, ".weight")
	}
	return gguf
}

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
		{!t.factors && !t.folded && math.Abs(float64(c.AttnScale/scale)-1) > 1e-6, fmt.Sprintf("attention scaled by %v, not %v", c.AttnScale, scale)},
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
		{t.factors && c.Mixers.Values() != 2*c.Hidden, fmt.Sprintf("%d values of a Mamba-2 layer beside a hidden size of %d", c.Mixers.Values(), c.Hidden)},
		{t.folded && c.TiedHead && c.EmbedScale != cmp.Or(c.LogitScale, 1), "a tied output head that is multiplied otherwise than embeddings"},
		{!t.sameExperts(c), "experts in some layers only"},
		{t.single && c.Experts.Groups != 0, "groups of experts"},
		{!t.single && c.Experts.Count > 0 && c.Experts.Normalize != t.normalized, "experts' weights that sum to 1 or not otherwise than there"},
	} {
		if f.wrong {
			return fmt.Errorf("llama.cpp knows no %s with %s", t.name, f.what)
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
		if s.BetaFast != 0 && s.BetaFast != 32 || s.BetaSlow != 0 && s.BetaSlow != 1 || s.Exact && !t.unrounded {
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
	case t.name == "gemma3" && (local.Scaling.Type != NoScaling || local.Dim != c.Rope.Dim):
		return "that are scaled in layers with a sliding window"
	case t.name != "gemma3" && (local.Theta != c.Rope.Theta || local.Scaling.Type != s.Type || local.Dim != c.Rope.Dim):
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

// sameExperts tells whether all layers with feed-forward layers have experts, or none.
func (t *conventions) sameExperts(c *Config) bool {
	for l := range c.Layers {
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
		if c.HasRope(l) == (t.noRope > 0 && (l+1)%t.noRope == 0) {
			return false
		}
	}
	return true
}

// attentionScale is what llama.cpp multiplies q·k by.
func (t *conventions) attentionScale(c *Config) float32 {
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
