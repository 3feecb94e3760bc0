package arch

import (
	"fmt"
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
	// routed: layers before the first with experts may have none, and metadata say whether the router takes sigmoids. weighed: they
	// say, too, whether weights sum to 1, and what they are multiplied by.
	routed, weighed bool
	// gated: the shared expert has a gate.
	gated bool
	// tiled: delta nets' heads of values lie by turns. latent: keys and values are compressed. betas: files have YaRN's.
	tiled, latent, betas bool
	// stepped: every so manieth layer has experts. listed: each layer tells whether it has a sliding window.
	stepped, listed bool
	// localTheta: layers with a sliding window have a base of their own.
	localTheta bool
	// turned: only layers with a sliding window have rotary embeddings.
	turned bool
	// read and write are for what metadata say in words of this architecture alone, refuse for what of it llama.cpp cannot.
	read   func(r *ggufReader, c *Config, h *hfConfig)
	write  func(g *GGUF, c *Config)
	refuse func(c *Config) string
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
	{name: "qwen2moe", models: []string{"qwen2_moe", "qwen2moe"}, activation: SiLU, biases: attention, square: true, experts: true, gated: true},
	{name: "qwen3moe", models: []string{"qwen3_moe", "qwen3moe"}, activation: SiLU, biases: attention, experts: true, normalized: true},
	{name: "seed_oss", models: []string{"seed_oss"}, activation: SiLU, biases: attention, postAttention: true},
	{
		name: "ernie4_5", models: []string{"ernie4_5"}, activation: SiLU, neighbours: true,
		biases: append([]string{"attn_output"}, attention...),
	},
	{
		name: "exaone4", models: []string{"exaone4"}, activation: SiLU, square: true, slides: true, window: 4, turned: true,
		refuse: exaoneLayers,
	},
	{
		name: "command-r", models: []string{"cohere", "command-r"}, activation: SiLU, neighbours: true, square: true, tied: true, biases: attention,
		read: readCohere, write: writeCohere, refuse: cohereNorms,
	},
	{
		name: "cohere2", models: []string{"cohere2"}, activation: SiLU, neighbours: true, square: true, tied: true, biases: attention, slides: true, window: 4, turned: true,
		read: readCohere, write: writeCohere,
	},
	{
		name: "glm4moe", models: []string{"glm4_moe", "glm4moe"}, activation: SiLU, partial: true, biases: append([]string{"exp_probs_b"}, attention...),
		experts: true, routed: true, weighed: true, postAttention: true, read: readHeadNorms,
	},
	{name: "lfm2", models: []string{"lfm2"}, activation: SiLU, square: true, mixer: ConvMixer, finalNorm: "token_embd_norm"},
	{
		name: "lfm2moe", models: []string{"lfm2_moe", "lfm2moe"}, activation: SiLU, square: true, mixer: ConvMixer, finalNorm: "token_embd_norm",
		biases: []string{"exp_probs_b"}, experts: true, routed: true, normalized: true,
		read: func(_ *ggufReader, _ *Config, h *hfConfig) { h.UseBias, h.Scale = true, 1 },
		refuse: func(c *Config) string {
			if !c.Experts.Bias {
				return "experts that are chosen without a bias"
			}
			return ""
		},
	},
	{
		name: "granite", models: []string{"granite", "granitemoehybrid"}, activation: SiLU, neighbours: true, factors: true,
		biases: append([]string{"attn_output", "ffn_gate", "ffn_up", "ffn_down"}, attention...),
	},
	{
		name: "granitemoe", models: []string{"granitemoe", "granitemoeshared", "granitemoehybrid"}, activation: SiLU, neighbours: true, experts: true, normalized: true, factors: true,
		biases: append([]string{"attn_output"}, attention...),
		refuse: func(c *Config) string {
			if !c.HasRope(0) {
				return "no rotary embeddings"
			}
			return ""
		},
	},
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
		name: "qwen3next", models: []string{"qwen3_next", "qwen3next"}, activation: SiLU, partial: true, mixer: DeltaMixer, postAttention: true,
		experts: true, normalized: true, gated: true, biases: []string{"ssm_dt"}, read: readDelta, write: writeDelta, refuse: deltaHeads,
	},
	{
		name: "qwen35", models: []string{"qwen3_5_text", "qwen3_5", "qwen35"}, activation: SiLU, partial: true, mixer: DeltaMixer, postAttention: true,
		tiled: true, biases: []string{"ssm_dt"}, read: readDelta, write: writeDelta, refuse: deltaHeads,
	},
	{
		name: "qwen35moe", models: []string{"qwen3_5_moe_text", "qwen3_5_moe", "qwen35moe"}, activation: SiLU, partial: true, mixer: DeltaMixer, postAttention: true,
		experts: true, normalized: true, gated: true, tiled: true, biases: []string{"ssm_dt"}, read: readDelta, write: writeDelta, refuse: deltaHeads,
	},
	{
		name: "deepseek2", models: []string{"deepseek_v2", "deepseek_v3", "glm4_moe_lite", "deepseek2"}, activation: SiLU, neighbours: true, partial: true, latent: true,
		experts: true, routed: true, weighed: true, biases: []string{"exp_probs_b"}, read: readLatent, write: writeLatent, refuse: latentKinds("deepseek2"),
	},
	{
		name: "mistral3", models: []string{"ministral3", "mistral3"}, activation: SiLU, neighbours: true, betas: true,
		read: readGrowth, write: writeGrowth, refuse: growthOf,
	},
	{
		name: "mistral4", models: []string{"mistral4"}, activation: SiLU, neighbours: true, partial: true, latent: true,
		experts: true, routed: true, weighed: true, read: readLatent, write: writeLatent, refuse: latentKinds("mistral4"),
	},
	{
		name: "llama4", models: []string{"llama4_text", "llama4"}, activation: SiLU, neighbours: true, noRope: llama4NoRope, window: llama4NoRope,
		experts: true, stepped: true, read: readLlama4, write: writeLlama4, refuse: llama4Kinds, divisors: []ScalingType{ScaleLlama3},
	},
	{
		name: "gemma4", models: []string{"gemma4_text", "gemma4"}, activation: GELUTanh, slides: true, window: 6, listed: true, localTheta: true, experts: true, normalized: true,
		read: readGemma4, write: writeGemma4, refuse: gemma4Kinds, missing: map[string]float64{"rope.freq_base_swa": 10000},
	},
	{
		name: "gemma2", models: []string{"gemma2"}, activation: GELUTanh, biases: attention, partial: true, tied: true,
		slides: true, window: 2, largest: 46,
		missing: map[string]float64{"attention.sliding_window": 4096, "attn_logit_softcapping": 50, "final_logit_softcapping": 30},
	},
	{
		name: "gemma3", models: []string{"gemma3", "gemma3_text"}, activation: GELUTanh, biases: attention, partial: true,
		slides: true, window: 6, largest: 62, localTheta: true,
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
		if slices.Contains(t.models, c.Architecture) && t.fits(c) {
			return t, t.check(c)
		}
	}
	return nil, fmt.Errorf("llama.cpp's conventions for %s are not known", c.Architecture)
}

// fits tells of architectures that a family's models go by which is this one's.
func (t *conventions) fits(c *Config) bool {
	switch {
	case t.factors && (t.mixer != "") != c.Mixers.HasMamba():
		return false
	case t.single, t.factors && t.mixer == "":
		return t.experts == (c.Experts.Count > 0)
	}
	return true
}

// tensor is what a file calls a tensor, empty if llama.cpp has none.
func (t *conventions) tensor(c *Config, name string) string {
	if name == NormName && t.finalNorm != "" {
		return t.finalNorm + ".weight"
	}
	if strings.HasSuffix(name, "_proj") { // experts, as Hugging Face has them
		name += ".weight"
	}
	gguf := GGUFName(name, c.PostNorms || t.postAttention)
	if t.bareNorm && strings.HasSuffix(gguf, ".ffn_norm.weight") {
		return strings.TrimSuffix(gguf, ".weight")
	}
	return gguf
}
