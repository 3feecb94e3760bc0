package arch

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseConfigRefuses(t *testing.T) {
	rope := func(pairs ...any) edits {
		r := edits{"rope_theta": 10000.0}
		for i := 0; i < len(pairs); i += 2 {
			r[pairs[i].(string)] = pairs[i+1]
		}
		return edits{"rope_parameters": r}
	}
	eights := []float64{1, 1, 1, 1, 1, 1, 1, 1}
	for _, c := range []struct {
		fixture string
		edits   edits
		says    string
	}{
		{"llama", edits{"num_hidden_layers": 0}, "number of layers 0"},
		{"llama", edits{"num_hidden_layers": "missing"}, "number of layers 0"},
		{"llama", edits{"num_hidden_layers": 1 << 30}, "number of layers"},
		{"llama", edits{"hidden_size": -32}, "hidden size -32"},
		{"llama", edits{"hidden_size": 1 << 40}, "hidden size"},
		{"llama", edits{"hidden_size": 1e300}, "hidden_size"},
		{"llama", edits{"hidden_size": "many"}, "hidden_size"},
		{"llama", edits{"intermediate_size": 0}, "intermediate size 0"},
		{"llama", edits{"vocab_size": 1 << 30}, "vocabulary size"},
		{"llama", edits{"max_position_embeddings": 0}, "context length 0"},
		{"llama", edits{"num_attention_heads": 0}, "number of heads 0"},
		{"llama", edits{"num_attention_heads": 5}, "5 heads share 2"},
		{"llama", edits{"num_key_value_heads": 8}, "4 heads share 8"},
		{"llama", edits{"num_key_value_heads": -1}, "key/value heads -1"},
		{"llama", edits{"head_dim": 7}, "head size 7 is odd"},
		{"llama", edits{"head_dim": nil, "num_attention_heads": 6}, "does not divide into 6 heads"},
		{"llama", edits{"rms_norm_eps": -1}, "norm epsilon"},
		{"llama", edits{"hidden_act": "relu"}, `"relu"`},
		{"llama", rope("rope_type", "spiral"), `"spiral"`},
		{"llama", rope("rope_theta", -5), "theta -5"},
		{"llama", rope("rope_type", "linear"), "factor 0"},
		{"llama", rope("rope_type", "linear", "factor", -2), "factor -2"},
		{"llama", rope("rope_type", "dynamic", "factor", 0.5), "factor 0.5"},
		{"llama", rope("rope_type", "yarn", "factor", 2, "original_max_position_embeddings", -1), "length of -1"},
		{"llama", rope("rope_type", "yarn", "factor", 2, "attention_factor", -1), "attention factor -1"},
		{"llama", rope("rope_type", "yarn", "factor", 2, "beta_fast", -1), "betas -1"},
		{"llama", rope("rope_type", "llama3", "factor", 2), "frequency factors 0 and 0"},
		{"llama", rope("rope_type", "llama3", "factor", 2, "low_freq_factor", 4, "high_freq_factor", 4), "frequency factors 4 and 4"},
		{"phi3", rope("rope_type", "longrope", "short_factor", eights, "long_factor", eights[1:]), "8 and 7 divisors for 8 pairs"},
		{"phi3", rope("rope_type", "longrope", "short_factor", eights, "long_factor", make([]float64, 8)), "divides by 0"},
		{"phi3", rope("partial_rotary_factor", 1.5), "partial_rotary_factor 1.5"},
		{"phi3", rope("partial_rotary_factor", 0.01), "partial_rotary_factor 0.01"},
		{"phi3", rope("partial_rotary_factor", 0.2), "turns 3 of 16"},
		{"mistral", edits{"sliding_window": -1}, "sliding window -1"},
		{"gemma2", edits{"layer_types": []string{"full_attention"}}, "layer_types names 1 of 2"},
		{"gemma2", edits{"layer_types": []string{"full_attention", "none"}}, `"none"`},
		{"gemma2", edits{"sliding_window": nil}, "no sliding window"},
		{"qwen2", edits{"layer_types": []string{"full_attention", "full_attention", "sliding_attention"}}, "no sliding window"},
		{"gemma2", edits{"attn_logit_softcapping": -1}, "soft caps -1"},
		{"gemma2", edits{"query_pre_attn_scalar": 1e-30}, "attention scale"},
		{"smollm3", edits{"no_rope_layers": []int{1}}, "no_rope_layers names 1 of 4"},
		{"smollm3", edits{"no_rope_layers": nil, "no_rope_layer_interval": 0}, "no_rope_layer_interval 0"},
		{"glm4_moe", edits{"n_group": 4}, "4 groups of 6 experts"},
		{"glm4_moe", edits{"n_group": 3, "topk_group": 1}, "3 experts a token of 1 of 3 groups"},
		{"glm4_moe", edits{"n_shared_experts": -1}, "n_shared_experts -1"},
		{"glm4_moe", edits{"routed_scaling_factor": -1}, "times -1"},
		{"glm4_moe", edits{"routed_scaling_factor": 0}, "routed_scaling_factor 0"},
		{"granite", edits{"residual_multiplier": 0}, "residual_multiplier 0"},
		{"granite", edits{"logits_scaling": 0}, "logits_scaling 0"},
		{"granite", edits{"residual_multiplier": -1}, "residuals times -1"},
		{"granitemoehybrid", edits{"mamba_n_heads": 5}, "52 values for mamba_n_heads 5"},
		{"granitemoehybrid", edits{"mamba_n_heads": 0}, "mamba_n_heads 0"},
		{"granitemoehybrid", edits{"mamba_n_groups": 3}, "3 heads of keys for 4 of values"},
		{"granitemoehybrid", edits{"mamba_d_head": 12}, "mamba_d_head 12 for 52 values of 4 heads"},
		{"granitemoehybrid", edits{"mamba_d_head": "wide"}, "mamba_d_head wide"},
		{"granitemoehybrid", edits{"mamba_d_conv": 1}, "convolutions over 1 tokens"},
		{"granitemoehybrid", edits{"mamba_d_state": 0}, "states of 2 heads of 0"},
		{"granitemoehybrid", edits{"mamba_expand": 1 << 40}, "mamba_expand 1099511627776"},
		{"granitemoehybrid", edits{"layer_types": []string{"mamba"}}, "layer_types names 1 of 4"},
		{"falcon_h1", edits{"ssm_multipliers": []float64{1, 1, 1, 1}}, "ssm_multipliers [1 1 1 1]"},
		{"falcon_h1", edits{"mlp_multipliers": []float64{1, 0}}, "mlp_multipliers [1 0]"},
		{"falcon_h1", edits{"ssm_out_multiplier": 0}, "ssm_out_multiplier [0]"},
		{"falcon_h1", edits{"ssm_in_multiplier": 1e5, "ssm_multipliers": []float64{1e5, 1, 1, 1, 1}}, "mixer_gate times 100000 and 100000"},
		{"falcon_h1", edits{"key_multiplier": -1}, "attention scale -"},
		{"falcon_h1", edits{"mamba_d_ssm": 25}, "25 values for mamba_n_heads 4"},
		{"nemotron_h", edits{"layers_block_type": []string{"mlp", "conv"}}, `"conv"`},
		{"nemotron_h", edits{"layers_block_type": nil, "hybrid_override_pattern": "M?"}, "'?'"},
		{"nemotron_h", edits{"mlp_bias": true}, "mlp_bias true"},
		{"nemotron_h", edits{"routed_scaling_factor": 0}, "routed_scaling_factor 0"},
		{"nemotron_h", edits{"layers_block_type": []string{}}, "number of layers 0"},
		{"olmoe", edits{"clip_qkv": 8}, "clip_qkv 8"},
		{"mixtral", edits{"num_local_experts": -1}, "number of experts -1"},
		{"mixtral", edits{"num_local_experts": 1 << 20}, "number of experts"},
		{"mixtral", edits{"num_experts_per_tok": 6}, "6 of 5 experts"},
		{"mixtral", edits{"num_experts_per_tok": 0}, "0 of 5 experts"},
		{"qwen3_moe", edits{"moe_intermediate_size": -3}, "intermediate size of experts -3"},
		{"qwen2_moe", edits{"shared_expert_intermediate_size": -3}, "the shared expert -3"},
		{"qwen2_moe", edits{"decoder_sparse_step": -1}, "decoder_sparse_step -1"},
		{"qwen3_moe", edits{"mlp_only_layers": []int{1, 7}}, "mlp_only_layers names layer 7 of 2"},
		{"qwen3_moe", edits{"mlp_only_layers": []int{-1}}, "mlp_only_layers names layer -1 of 2"},
		{"qwen3_moe", edits{"num_experts": 4, "num_local_experts": 6}, "num_experts 4, but num_local_experts 6"},
		{"gpt_oss", edits{"num_experts": 4, "num_local_experts": 0}, "num_experts 4, but num_local_experts 0"},
		{"glm4_moe", edits{"n_group": 0}, "n_group 0"},
		{"llama", edits{"num_hidden_layers": "six"}, "config.json: num_hidden_layers: text in the place of a whole number"},
		{"llama", edits{"num_hidden_layers": 2.5}, "config.json: num_hidden_layers: 2.5 in the place of a whole number"},
		{"llama", edits{"rms_norm_eps": []int{1}}, "config.json: rms_norm_eps: a list in the place of a number"},
		{"llama", edits{"attention_bias": 1}, "config.json: attention_bias: a number in the place of true or false"},
		{"llama", edits{"hidden_act": true}, "config.json: hidden_act: true or false in the place of text"},
		{"qwen3_moe", edits{"mlp_only_layers": "none"}, "config.json: mlp_only_layers: text in the place of a list"},
		{"qwen3_moe", edits{"num_experts": "many"}, "config.json: num_experts: text in the place of a whole number"},
		{"llama", rope("rope_theta", "far"), "rope_parameters: rope_theta: text in the place of a number"},
	} {
		got, err := ParseConfig(edited(t, c.fixture, c.edits))
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.says) || got != nil {
			t.Errorf("%s, %v: %v; want %q in an ErrConfig", c.fixture, c.edits, err, c.says)
		}
	}
	for _, text := range []string{"", "[]", "null", "{}", `{"model_type": "llama"`} {
		if _, err := ParseConfig([]byte(text)); !errors.Is(err, ErrConfig) && !errors.Is(err, ErrArchitecture) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestUnknownArchitecture(t *testing.T) {
	_, err := ParseConfig(edited(t, "llama", edits{"model_type": "gpt2"}))
	const want = `config.json: model_type "gpt2" is not one of bert, cohere, cohere2, command-r, deepseek2, deepseek_v2, deepseek_v3, ernie4_5, exaone4, falcon-h1, falcon_h1, gemma2, gemma3, gemma3_text, gemma4, gemma4_text, glm4_moe, glm4_moe_lite, glm4moe, gpt-oss, gpt_oss, granite, granitehybrid, granitemoe, granitemoehybrid, granitemoeshared, lfm2, lfm2_moe, lfm2moe, llama, llama4, llama4_text, ministral3, mistral, mistral3, mistral4, mixtral, modernbert, nemotron_h, nemotron_h_moe, olmo2, olmo3, olmoe, phi3, qwen2, qwen2_moe, qwen2moe, qwen3, qwen35, qwen35moe, qwen3_5, qwen3_5_moe, qwen3_5_moe_text, qwen3_5_text, qwen3_moe, qwen3_next, qwen3moe, qwen3next, roberta, seed_oss, smollm3, xlm-roberta: unknown architecture`
	if !errors.Is(err, ErrArchitecture) || err.Error() != want {
		t.Errorf("%v, want\n%s", err, want)
	}
}

// TestDefaults: keys that a file leaves out, or has as null.
func TestDefaults(t *testing.T) {
	parse := func(name string, e edits) *Config {
		c, err := ParseConfig(edited(t, name, e))
		if err != nil {
			t.Fatalf("%s, %v: %v", name, e, err)
		}
		return c
	}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"Granite's heads", parse("granitemoehybrid", edits{"mamba_d_head": "auto"}).Mixers.ValueDim, 13},
		{"Granite's layers", parse("granitemoehybrid", edits{"layer_types": nil}).Mixers.Of, slices.Repeat([]Mixer{MambaMixer}, 4)},
		{"Granite without Mamba", parse("granitemoehybrid", edits{"layer_types": slices.Repeat([]string{"attention"}, 4)}).Mixers, Mixers{}},
		{"Mistral's window", parse("mistral", edits{"sliding_window": "missing"}).SlidingWindow, 4096},
		{"Mistral's window, null", parse("mistral", edits{"sliding_window": nil}).SlidingWindow, 0},
		{"Gemma 2's soft cap", parse("gemma2", edits{"attn_logit_softcapping": "missing"}).AttnSoftcap, float32(50)},
		{"Gemma 2's soft cap, null", parse("gemma2", edits{"final_logit_softcapping": nil}).LogitSoftcap, float32(0)},
		{"Gemma's tied head", parse("gemma2", edits{"tie_word_embeddings": "missing"}).TiedHead, true},
		{"Qwen 3's heads", parse("qwen3", edits{"head_dim": "missing"}).HeadDim, 128},
		{"Qwen 2's windows", parse("qwen2-window", edits{"layer_types": "missing"}).Local, []bool{false, true, true}},
		{"Qwen 2 without windows", parse("qwen2-window", edits{"use_sliding_window": false, "layer_types": nil}).SlidingWindow, 0},
		{"Phi-3's epsilon", parse("phi3", edits{"rms_norm_eps": "missing"}).NormEps, float32(1e-5)},
		{"Llama 4 without chunks", parse("llama4_text", edits{"attention_chunk_size": nil, "layer_types": nil}).Chunked, false},
		{"Llama's epsilon", parse("llama", edits{"rms_norm_eps": "missing"}).NormEps, float32(1e-6)},
		{"Llama's heads", parse("llama", edits{"head_dim": "missing"}).HeadDim, 8},
		{"Llama's theta", parse("llama", edits{"rope_parameters": nil}).Rope.Theta, 10000.0},
		{"Gemma 3's theta", parse("gemma3", edits{"rope_parameters": nil}).Rope.Theta, 1e6},
		{"Gemma 3's local theta", parse("gemma3", edits{"rope_parameters": nil}).LocalRope.Theta, 10000.0},
		{"Phi-3's word yarn", parse("phi3-longrope-long", edits{"rope_parameters": nil, "rope_scaling": edits{
			"type": "yarn", "short_factor": make8(1), "long_factor": make8(2)}}).Rope.Scaling.Type, ScaleLongRoPE},
		{"YaRN's factor", parse("llama", edits{"rope_scaling": edits{"type": "yarn", "original_max_position_embeddings": 16},
			"rope_parameters": nil}).Rope.Scaling.Factor, 4.0},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

func make8(v float64) []float64 { return []float64{v, v, v, v, v, v, v, v} }

// TestGemma3Nested: the Gemma 3 models that see write only what differs from the
// defaults, and keep the text's configuration apart.
func TestGemma3Nested(t *testing.T) {
	c, err := ParseConfig([]byte(`{"model_type": "gemma3", "tie_word_embeddings": true, "text_config": {"hidden_size": 2560,
		"intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34,
		"rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}, "vision_config": {"hidden_size": 1152}}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Hidden != 2560 || c.Layers != 34 || c.Heads != 8 || c.KVHeads != 4 || c.HeadDim != 256 || c.Vocab != 262208 || !c.TiedHead ||
		c.Rope.Scaling.Factor != 8 || c.LocalRope.Scaling.Type != NoScaling || !c.Local[4] || c.Local[5] || c.AttnScale != 1.0/16 {
		t.Errorf("%+v", c)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, name := range fixtureNames(f) {
		for _, file := range []string{"config.json", "config_old.json"} {
			text, err := os.ReadFile(filepath.Join(fixtures, name, file))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte(`{"model_type": "gemma3", "text_config": {"sliding_window": 3}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			if !errors.Is(err, ErrConfig) && !errors.Is(err, ErrArchitecture) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if err := c.Check(); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		for l := range c.Layers {
			freq, factor := c.RopeOf(l).Frequencies(c.HeadDim, c.Context)
			for _, v := range append(freq, factor) {
				if v != v || v < 0 || v > 1e7 {
					t.Fatalf("frequency %v of %+v", v, c.RopeOf(l))
				}
			}
			if l > 3 {
				break
			}
		}
	})
}
