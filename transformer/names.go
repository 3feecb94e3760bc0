package transformer

import (
	"fmt"
	"strings"
)

// Tensors are asked for by their Hugging Face names; other sources translate.
const (
	embedName = "model.embed_tokens.weight"
	headName  = "lm_head.weight"
	normName  = "model.norm.weight"
)

func layerName(l int, part string) string { return fmt.Sprintf("model.layers.%d.%s", l, part) }

// prefixes are what checkpoints put before the language model's names: those of models
// that do more than text, like Gemma 3, and those that torch.compile and DistributedDataParallel leave.
var prefixes = []string{"language_model.", "_orig_mod.", "module.", "module._orig_mod.", "_orig_mod.module."}

// Wrapped returns the name under which a checkpoint has a tensor: behind a prefix, or
// without "model.", as models that were saved without a head have them.
func Wrapped(name string, has func(string) bool) string {
	if has(name) {
		return name
	}
	for _, prefix := range prefixes {
		if n := prefix + name; has(n) {
			return n
		}
	}
	bare := strings.TrimPrefix(name, "model.")
	for _, n := range []string{bare, "model.language_model." + bare, "transformer." + bare, "language_model." + bare} {
		if has(n) {
			return n
		}
	}
	return name
}

// ggufParts are the names of a layer's parts in GGUF, behind "blk.N.". Gemma's
// norms after attention and FFN have names of their own in both worlds.
var ggufParts = map[string]string{
	"self_attn.q_proj":         "attn_q",
	"self_attn.k_proj":         "attn_k",
	"self_attn.v_proj":         "attn_v",
	"self_attn.qkv_proj":       "attn_qkv",
	"self_attn.o_proj":         "attn_output",
	"self_attn.q_norm":         "attn_q_norm",
	"self_attn.k_norm":         "attn_k_norm",
	"mlp.gate_proj":            "ffn_gate",
	"mlp.up_proj":              "ffn_up",
	"mlp.gate_up_proj":         "ffn_up",
	"mlp.down_proj":            "ffn_down",
	"input_layernorm":          "attn_norm",
	"post_attention_layernorm": "ffn_norm",
}

// ggufPostNormParts replace some of them in models with norms after the layers,
// where Hugging Face uses post_attention_layernorm for another norm.
var ggufPostNormParts = map[string]string{
	"post_attention_layernorm":   "post_attention_norm",
	"pre_feedforward_layernorm":  "ffn_norm",
	"post_feedforward_layernorm": "post_ffw_norm",
}

// GGUFName translates a Hugging Face name of a tensor, empty if it has no counterpart.
// postNorms says that the model has norms after attention and FFN, as Gemma has.
func GGUFName(name string, postNorms bool) string {
	switch name {
	case embedName:
		return "token_embd.weight"
	case headName:
		return "output.weight"
	case normName:
		return "output_norm.weight"
	}
	rest, ok := strings.CutPrefix(name, "model.layers.")
	if !ok {
		return ""
	}
	layer, rest, _ := strings.Cut(rest, ".")
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 {
		return ""
	}
	part, kind := rest[:dot], rest[dot:]
	translated := ggufParts[part]
	if p, ok := ggufPostNormParts[part]; postNorms && ok {
		translated = p
	}
	if translated == "" {
		return ""
	}
	return "blk." + layer + "." + translated + kind
}
