package arch_test

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/arch"
)

func Example() {
	config, err := arch.ParseConfig([]byte(`{"model_type": "qwen3", "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 160,
		"num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32}`))
	if err != nil {
		panic(err)
	}
	for _, w := range config.Weights(func(string) bool { return true }) {
		if !w.Optional {
			fmt.Println(w.Name, w.Shape, arch.GGUFName(w.Name, config.PostNorms))
		}
	}
	// Output:
	// model.embed_tokens.weight [1000 64] token_embd.weight
	// model.layers.0.input_layernorm.weight [64] blk.0.attn_norm.weight
	// model.layers.0.self_attn.q_proj.weight [128 64] blk.0.attn_q.weight
	// model.layers.0.self_attn.k_proj.weight [64 64] blk.0.attn_k.weight
	// model.layers.0.self_attn.v_proj.weight [64 64] blk.0.attn_v.weight
	// model.layers.0.self_attn.q_norm.weight [32] blk.0.attn_q_norm.weight
	// model.layers.0.self_attn.k_norm.weight [32] blk.0.attn_k_norm.weight
	// model.layers.0.self_attn.o_proj.weight [64 128] blk.0.attn_output.weight
	// model.layers.0.post_attention_layernorm.weight [64] blk.0.ffn_norm.weight
	// model.layers.0.mlp.gate_proj.weight [160 64] blk.0.ffn_gate.weight
	// model.layers.0.mlp.up_proj.weight [160 64] blk.0.ffn_up.weight
	// model.layers.0.mlp.down_proj.weight [64 160] blk.0.ffn_down.weight
	// model.norm.weight [64] output_norm.weight
	// lm_head.weight [1000 64] output.weight
}

// A family that is not known, and a key that would change the model, are refused by name.
func ExampleParseConfig() {
	_, err := arch.ParseConfig([]byte(`{"model_type": "llama", "residual_multiplier": 0.5}`))
	fmt.Println(err)
	// Output:
	// config.json: residual_multiplier 0.5 is not supported (only 1 or null): invalid model configuration: unsupported key
}
