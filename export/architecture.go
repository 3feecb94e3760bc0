package export

import (
	"fmt"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// target is an architecture of GGUF: what llama.cpp computes for it, whatever the
// metadata say. What a model does otherwise is refused.
type target struct {
	name       string // general.architecture
	models     []string
	activation transformer.Activation
	biases     []string // the parts that may have one
	neighbours bool     // rotary embeddings turn neighbours, not halves
	partial    bool     // … or only the first values of a head
	square     bool     // all heads together are as long as the residual stream
	tied       bool     // the output head is always the embeddings
	divisors   []transformer.ScalingType
	// window tells which layers have the sliding window where a file does not: those
	// with l mod window < window−1. 0: llama.cpp makes nothing of sliding windows.
	window int
	// largest is the number of layers of the model whose attention is scaled by its
	// hidden size per head, 1/√(hidden/heads).
	largest int
}

var attention = []string{"attn_q", "attn_k", "attn_v"}

// targets is the table of what is exported.
var targets = []target{
	{
		name: "llama", models: []string{"llama", "mistral"}, activation: transformer.SiLU, neighbours: true,
		biases:   append([]string{"attn_output", "ffn_gate", "ffn_up", "ffn_down"}, attention...),
		divisors: []transformer.ScalingType{transformer.ScaleLlama3, transformer.ScaleLongRoPE},
	},
	{name: "qwen2", models: []string{"qwen2"}, activation: transformer.SiLU, biases: attention, square: true},
	{name: "qwen3", models: []string{"qwen3"}, activation: transformer.SiLU, biases: attention},
	{
		name: "gemma2", models: []string{"gemma2"}, activation: transformer.GELUTanh, biases: attention, partial: true, tied: true,
		window: 2, largest: 46,
	},
	{
		name: "gemma3", models: []string{"gemma3", "gemma3_text"}, activation: transformer.GELUTanh, biases: attention, partial: true,
		window: 6, largest: 62,
	},
	{
		name: "phi3", models: []string{"phi3"}, activation: transformer.SiLU, partial: true, square: true,
		divisors: []transformer.ScalingType{transformer.ScaleLongRoPE},
	},
}

// findTarget returns the architecture for a model, or ErrUnsupported and what the
// model has that llama.cpp cannot.
func findTarget(c *transformer.Config) (*target, error) {
	var known []string
	for i := range targets {
		t := &targets[i]
		if slices.Contains(t.models, c.Architecture) {
			return t, t.check(c)
		}
		known = append(known, t.models...)
	}
	return nil, fmt.Errorf("architecture %s is not one of %v: %w", c.Architecture, known, ErrUnsupported)
}

func (t *target) check(c *transformer.Config) error {
	gemma2 := t.name == "gemma2"
	scale := t.attentionScale(c)
	for _, f := range []struct {
		wrong bool
		what  string
	}{
		{c.Activation != t.activation, fmt.Sprintf("the activation %s", c.Activation)},
		{t.square && c.Heads*c.HeadDim != c.Hidden, fmt.Sprintf("%d heads of %d beside a hidden size of %d", c.Heads, c.HeadDim, c.Hidden)},
		{t.tied && !c.TiedHead, "an output head of its own"},
		{!t.partial && c.Rope.Dim != 0, "rotary embeddings that turn a part of each head"},
		{math.Abs(float64(c.AttnScale/scale)-1) > 1e-6, fmt.Sprintf("attention scaled by %v, not %v", c.AttnScale, scale)},
		{!gemma2 && c.AttnSoftcap != 0, "capped attention scores"},
		{gemma2 && (c.AttnSoftcap == 0 || c.LogitSoftcap == 0), "attention scores or logits that are not capped"},
		{t.window == 0 && c.LogitSoftcap != 0, "capped logits"},
	} {
		if f.wrong {
			return fmt.Errorf("llama.cpp knows no %s with %s: %w", t.name, f.what, ErrUnsupported)
		}
	}
	return t.checkRope(c)
}

// attentionScale is what llama.cpp multiplies q·k by.
func (t *target) attentionScale(c *transformer.Config) float32 {
	if t.largest == c.Layers {
		return float32(1 / math.Sqrt(float64(c.Hidden/c.Heads)))
	}
	return float32(1 / math.Sqrt(float64(c.HeadDim)))
}

// slides tells whether some layer has a sliding window.
func slides(c *transformer.Config) bool { return c.SlidingWindow > 0 && slices.Contains(c.Local, true) }

// usual tells whether the layers with a sliding window are those that llama.cpp
// expects.
func (t *target) usual(c *transformer.Config) bool {
	for l, local := range c.Local {
		if local != (l%t.window < t.window-1) {
			return false
		}
	}
	return true
}
