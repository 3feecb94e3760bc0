package convert

import (
	"encoding/json"
	"io"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// modelTypes are config.json's names of GGUF's architectures where they differ.
var modelTypes = map[string]string{"gemma3": "gemma3_text"}

// configKeys are config.json's names of what GGUF metadata say under
// general.architecture's name.
var configKeys = []struct{ gguf, config string }{
	{"block_count", "num_hidden_layers"},
	{"embedding_length", "hidden_size"},
	{"feed_forward_length", "intermediate_size"},
	{"attention.head_count", "num_attention_heads"},
	{"attention.head_count_kv", "num_key_value_heads"},
	{"attention.key_length", "head_dim"},
	{"context_length", "max_position_embeddings"},
	{"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
	{"rope.freq_base", "rope_theta"},
	{"rope.freq_base_swa", "rope_local_base_freq"},
	{"attention.sliding_window", "sliding_window"},
	{"attn_logit_softcapping", "attn_logit_softcapping"},
	{"final_logit_softcapping", "final_logit_softcapping"},
	{"expert_count", "num_local_experts"},
	{"expert_used_count", "num_experts_per_tok"},
}

// deriveConfig says in the words of Hugging Face's config.json what a GGUF file's
// metadata say, for programs that know only those. What runs here reads the
// metadata themselves, which are kept.
func deriveConfig(src *checkpoint.Checkpoint) map[string]any {
	f := src.GGUF()
	arch, err := f.String("general.architecture")
	if err != nil {
		return nil
	}
	config := map[string]any{"model_type": arch, "tie_word_embeddings": true}
	if name, ok := modelTypes[arch]; ok {
		config["model_type"] = name
	}
	for _, k := range configKeys {
		if v, ok := number(f, arch+"."+k.gguf); ok {
			config[k.config] = v
		}
	}
	for _, k := range []struct{ gguf, config string }{
		{"tokenizer.ggml.bos_token_id", "bos_token_id"}, {"tokenizer.ggml.eos_token_id", "eos_token_id"}, {"tokenizer.ggml.padding_token_id", "pad_token_id"},
	} {
		if v, ok := number(f, k.gguf); ok {
			config[k.config] = v
		}
	}
	for _, t := range src.Tensors() {
		switch {
		case t.Name == "token_embd.weight" && len(t.Shape) == 2:
			config["vocab_size"] = t.Shape[0]
		case t.Name == "output.weight":
			config["tie_word_embeddings"] = false
		}
	}
	if scaling := ropeScaling(f, arch); scaling != nil {
		config["rope_scaling"] = scaling
	}
	return config
}

// ropeScaling is that of rotary embeddings, nil for none. A factor without a type is linear.
func ropeScaling(f *gguf.File, arch string) map[string]any {
	scaling := map[string]any{"rope_type": "linear"}
	if kind, err := f.String(arch + ".rope.scaling.type"); err == nil {
		scaling["rope_type"] = kind
	}
	for _, k := range []struct{ gguf, config string }{
		{"rope.scale_linear", "factor"}, {"rope.scaling.factor", "factor"}, {"rope.scaling.original_context_length", "original_max_position_embeddings"},
	} {
		if v, ok := number(f, arch+"."+k.gguf); ok {
			scaling[k.config] = v
		}
	}
	factor, _ := f.Float(arch + ".rope.scaling.factor")
	if old, err := f.Float(arch + ".rope.scale_linear"); err == nil && !f.Has(arch+".rope.scaling.factor") {
		factor = old
	}
	if scaling["rope_type"] == "none" || scaling["rope_type"] == "linear" && (factor == 0 || factor == 1) {
		return nil
	}
	return scaling
}

// number reads a key that holds one number, or the same for every layer.
func number(f *gguf.File, key string) (any, bool) {
	if list, err := f.Ints(key); err == nil && len(list) > 0 && slices.Min(list) == slices.Max(list) {
		return list[0], true
	}
	if v, err := f.Uint(key); err == nil {
		return v, v < math.MaxInt32 // beyond: an unset token
	}
	if v, err := f.Float(key); err == nil {
		return float32(v), true // as the file has it: 1e-05, not 9.99999974e-06
	}
	return nil, false
}

// writeConfig writes config.json, unless the metadata name no architecture.
func writeConfig(src *checkpoint.Checkpoint, path string) (wrote bool, err error) {
	config := deriveConfig(src)
	if config == nil {
		return false, nil
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return false, err
	}
	return true, atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}
