package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestKeysOfTransformers: every key of transformers' configuration classes is in the
// tables, and their default values are taken: see testdata/keys.py.
func TestKeysOfTransformers(t *testing.T) {
	var families map[string]map[string]any
	readJSON(t, "testdata/keys.json", &families)
	for name, keys := range families {
		f, err := findFamily(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) < 30 {
			t.Errorf("%s: only %d keys", name, len(keys))
		}
		for key := range keys {
			if _, ok := configKeys.find(key, f.section(), "all"); !ok {
				t.Errorf("%s: %s is in no table", name, key)
			}
		}
		text, err := json.Marshal(keys)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseConfig(text); err != nil {
			t.Errorf("%s: its own defaults: %v", name, err)
		}
	}
}

// TestReadKeys: what the tables have as read is a field, and the other way round.
func TestReadKeys(t *testing.T) {
	fields := func(of any) []string {
		var names []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(of)) {
			if tag := f.Tag.Get("json"); tag != "" {
				names = append(names, tag)
			}
		}
		return names
	}
	objects := []string{"rope_parameters", "rope_scaling", "text_config"}
	for name, of := range map[string]any{"": hfConfig{}, "rope": hfRope{}} {
		names := fields(of)
		for section, keys := range configKeys {
			for key, use := range keys {
				if use.read && strings.HasPrefix(section, "rope") == (name == "rope") && !slices.Contains(names, key) && !slices.Contains(objects, key) {
					t.Errorf("[%s] reads %s, no field does", section, key)
				}
			}
		}
		for _, field := range names {
			if !slices.ContainsFunc(slices.Collect(maps.Values(configKeys)), func(keys map[string]keyUse) bool { return keys[field].read }) {
				t.Errorf("nothing in the tables reads %s", field)
			}
		}
	}
}

// TestEveryKeyCounts: for every family, every key that is read changes the model or is
// refused, in one of the family's fixtures, by one of some values.
func TestEveryKeyCounts(t *testing.T) {
	values := []any{nil, true, false, 2, 4, 48, 0.25, make8(3), 999.0, "gelu_pytorch_tanh", "silu", "spiral", "qwen9", []string{"full_attention"},
		edits{"rope_type": "linear", "factor": 2}, edits{"full_attention": edits{"rope_theta": 77}}}
	for _, f := range families {
		var bases []map[string]any
		for _, name := range fixtureNames(t) {
			for _, file := range []string{"config.json", "config_old.json"} {
				var c map[string]any
				readJSON(t, filepath.Join(fixtures, name, file), &c)
				if slices.Contains(f.names, c["model_type"].(string)) {
					yarn, windows := maps.Clone(c), maps.Clone(c)
					yarn["rope_scaling"] = edits{"type": "yarn", "factor": 2}
					windows["use_sliding_window"], windows["sliding_window"], windows["max_window_layers"], windows["layer_types"] = true, 5, 1, nil
					bases = append(bases, c, yarn, windows)
				}
			}
		}
		for _, section := range []string{f.section(), "all"} {
			for key := range configKeys[section] {
				if use, _ := configKeys.find(key, f.section(), "all"); use.read && !slices.ContainsFunc(bases, func(base map[string]any) bool { return counts(t, base, key, values) }) {
					t.Errorf("%s: %s is read, but changes nothing", f.section(), key)
				}
			}
		}
	}
	yarn, llama3, long := fixtureConfig(t, "llama-yarn-mscale"), fixtureConfig(t, "llama-llama3"), fixtureConfig(t, "phi3-longrope-long")
	partial := fixtureConfig(t, "phi3-partial")
	for key, use := range configKeys["rope"] {
		if use.read && !slices.ContainsFunc([]map[string]any{yarn, llama3, long, partial}, func(base map[string]any) bool {
			want, err := withRope(t, base, base["rope_parameters"])
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				rope := maps.Clone(base["rope_parameters"].(map[string]any))
				rope[key] = v
				if key == "type" {
					delete(rope, "rope_type")
				}
				if got, err := withRope(t, base, rope); err != nil && v == "spiral" && strings.Contains(err.Error(), "spiral") ||
					err == nil && !reflect.DeepEqual(got, want) {
					return true
				}
			}
			return false
		}) {
			t.Errorf("rope: %s is read, but changes nothing", key)
		}
	}
}

func withRope(t *testing.T, base map[string]any, rope any) (*Config, error) {
	t.Helper()
	c := maps.Clone(base)
	c["rope_parameters"] = rope
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return ParseConfig(text)
}

func fixtureConfig(t *testing.T, name string) (c map[string]any) {
	t.Helper()
	readJSON(t, filepath.Join(fixtures, name, "config.json"), &c)
	return c
}

// counts tells whether a value of key changes what base says, or is refused.
func counts(t *testing.T, base map[string]any, key string, values []any) bool {
	t.Helper()
	parse := func(c map[string]any) (*Config, error) {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return ParseConfig(text)
	}
	want, err := parse(base)
	if err != nil {
		return false // no configuration of this family
	}
	for _, v := range values {
		c := maps.Clone(base)
		c[key] = v
		got, err := parse(c)
		if err == nil && !reflect.DeepEqual(got, want) || err != nil && (strings.Contains(err.Error(), key) || v == "spiral" || v == "qwen9") {
			return true
		}
	}
	return false
}

// TestOtherKeys: any key that no table has is refused by its name, unless it is empty; and
// so is any value of a key that the tables bind to some.
func TestOtherKeys(t *testing.T) {
	names := fixtureNames(t)
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names).Draw(rt, "fixture")
		key := rapid.StringMatching(`[a-zA-Z][a-zA-Z_0-9.]{0,20}`).Draw(rt, "key")
		value := rapid.SampledFrom([]any{nil, false, 0, "", []any{}, edits{}, true, 1, -1, 0.5, "x", []any{0}, edits{"a": nil}}).Draw(rt, "value")
		c := fixtureConfig(t, name)
		f, err := findFamily(c["model_type"].(string))
		if err != nil {
			rt.Fatal(err)
		}
		if _, ok := configKeys.find(key, f.section(), "all"); ok {
			return
		}
		_, err = ParseConfig(edited(t, name, edits{key: value}))
		empty := fmt.Sprint(value) == "" || slices.Contains([]string{"<nil>", "false", "0", "[]", "map[]"}, fmt.Sprint(value))
		if empty != (err == nil) || !empty && (!errors.Is(err, ErrKey) || !strings.Contains(err.Error(), key)) {
			rt.Fatalf("%s, %s: %v: %v", name, key, value, err)
		}
	})
	for _, f := range families {
		for _, section := range []string{f.section(), "all"} {
			for key, use := range configKeys[section] {
				if first, _ := configKeys.find(key, f.section(), "all"); use.only == nil || first.only == nil {
					continue
				}
				_, err := ParseConfig(edited(t, fixtureOf(t, f), edits{key: "something else"}))
				if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), key) {
					t.Errorf("%s, %s: %v", f.section(), key, err)
				}
			}
		}
	}
}

// fixtureOf returns the name of a fixture of the family.
func fixtureOf(t *testing.T, f family) string {
	t.Helper()
	for _, name := range fixtureNames(t) {
		if c := fixtureConfig(t, name); slices.Contains(f.names, c["model_type"].(string)) {
			return name
		}
	}
	t.Fatalf("no fixture of %v", f.names)
	return ""
}

// TestRefusedByName: what would make another model is named.
func TestRefusedByName(t *testing.T) {
	for _, c := range []struct {
		fixture string
		edits   edits
		says    string
	}{
		{"llama", edits{"is_causal": false}, "is_causal false"},
		{"gemma2", edits{"use_bidirectional_attention": true}, "use_bidirectional_attention true"},
		{"../encoders/bert", edits{"is_decoder": true}, "is_decoder true"},
		{"../encoders/bert", edits{"position_embedding_type": "relative_key"}, "relative_key"},
		{"../encoders/bert", edits{"hidden_act": "relu"}, "relu"},
		{"../encoders/modernbert", edits{"rope_scaling": edits{"rope_type": "linear", "factor": 2}}, "rope_scaling"},
		{"../encoders/modernbert", edits{"sliding_window": 32}, "sliding_window 32"}, // transformers makes it local_attention 64
		{"../encoders/modernbert", edits{"layer_types": []string{"full_attention", "sliding_attention", "full_attention", "conv"}}, "conv"},
		{"../encoders/roberta", edits{"pad_token_id": 70}, "pad_token_id"},
		{"llama", edits{"sliding_window": 5}, "sliding_window 5"},
		{"llama", edits{"layer_types": []string{"full_attention", "sliding_attention"}}, "no sliding window"},
		{"phi3", edits{"layer_types": []string{"full_attention", "sliding_attention"}}, "layer_types"},
		{"mistral", edits{"attention_bias": true}, "attention_bias true"},
		{"qwen2", edits{"mlp_bias": true}, "mlp_bias true"},
		{"llama", edits{"partial_rotary_factor": 0.5}, "partial_rotary_factor 0.5"},
		{"llama", edits{"rope_parameters": edits{"rope_type": "linear", "factor": 2, "partial_rotary_factor": 0.5}}, "partial_rotary_factor 0.5"},
		{"llama", edits{"rope_parameters": edits{"factor": 4}}, "no rope_type"},
		{"llama", edits{"rope_parameters": edits{"rope_type": "default", "mrope_section": []int{1, 2}}}, "rope_parameters: mrope_section"},
		{"qwen2", edits{"rope_parameters": edits{"full_attention": edits{"rope_theta": 5}}}, "full_attention"},
		{"gemma3", edits{"rope_parameters": edits{"rope_theta": 5, "rope_type": "default"}}, "rope_theta 5"},
		{"gemma3", edits{"attn_logit_softcapping": 50}, "attn_logit_softcapping 50"},
		{"qwen3_5_text", edits{"layer_types": []string{"linear_attention", "full_attention", "sliding_attention", "linear_attention"}}, "sliding_attention"},
		{"qwen3_next", edits{"rope_parameters": edits{"rope_type": "default", "mrope_section": []int{1, 2}}}, "rope_parameters: mrope_section"},
		{"lfm2", edits{"layer_types": []string{"conv", "full_attention", "mamba", "conv"}}, "mamba"},
		{"granitemoehybrid", edits{"time_step_limit": []float64{0, 0.1}}, "time_step_limit [0,0.1]"},
		{"granitemoehybrid", edits{"mamba_new": 1}, "mamba_new 1"},
		{"falcon_h1", edits{"attn_layer_indices": []int{1}}, "attn_layer_indices [1]"},
		{"nemotron_h", edits{"moe_latent_size": 9}, "moe_latent_size 9"},
		{"nemotron_h", edits{"mlp_hidden_act": "silu"}, `mlp_hidden_act "silu"`},
		{"nemotron_h", edits{"tie_word_embeddings": true}, "tie_word_embeddings true"},
		{"granitemoehybrid", edits{"layer_types": []string{"mamba", "full_attention", "mamba", "sliding_attention"}}, "sliding_attention"},
		{"phi3", edits{"rope_parameters": edits{"rope_type": "linear", "factor": 2}}, `"linear"`},
		{"llama", edits{"per_layer_config": edits{"1": edits{"head_dim": 4}}}, "per_layer_config"},
		{"llama", edits{"no_rope_layers": []int{1, 0}}, "no_rope_layers"},
		{"llama", edits{"logits_scaling": 8}, "logits_scaling 8"},
		{"llama", edits{"num_local_experts": 8}, "num_local_experts 8"},
		{"llama", edits{"Hidden_Size": 32}, "Hidden_Size"},
		{"qwen3", edits{"layer_types": []string{"full_attention", "chunked_attention"}}, "chunked_attention"},
	} {
		_, err := ParseConfig(edited(t, c.fixture, c.edits))
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, %v: %v; want %q", c.fixture, c.edits, err, c.says)
		}
	}
	for text, says := range map[string]string{
		`{"model_type": "llama", "model_type": "llama"}`:                              `"model_type" appears twice`,
		`{"model_type": "llama", "rms_norm_eps": NaN}`:                                "rms_norm_eps",
		`{"model_type": "llama", "hidden_size": "32"}`:                                "hidden_size",
		`{"model_type": "llama", "hidden_size": 32.5}`:                                "hidden_size",
		`{"model_type": "llama", "rope_scaling": 4}`:                                  "rope_scaling 4 is not an object",
		`{"model_type": "llava", "text_config": {"model_type": "llama"}, "merge": 1}`: "merge 1",
	} {
		if _, err := ParseConfig([]byte(text)); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want %q", text, err, says)
		}
	}
}

// TestPublished: keys of published checkpoints that change nothing.
func TestPublished(t *testing.T) {
	for fixture, e := range map[string]edits{
		"llama": {"is_llama_config": true, "rope_interleaved": false, "transformers.js_config": edits{"dtype": "q4"}, "pretraining_tp": 2, "_name_or_path": "x",
			"_flash_attn_2_enabled": true, "unsloth_version": "2025.1", "activation": "swiglu", "max_length": 20, "quantization_config": nil, "max_window_layers": 28},
		"llama-yarn": {"rope_parameters": edits{"type": "yarn", "factor": 16.0, "finetuned": true, "attn_factor": 0.8, "original_max_position_embeddings": 4096}},
		"mistral":    {"torch_dtype": "bfloat16", "use_cache": true, "model_max_length": 32768},
		"qwen2":      {"use_mrope": false, "use_sliding_window": false, "sliding_window": 131072, "dual_chunk_attention_config": edits{"chunk_size": 262144}},
		"phi3": {"auto_map": edits{"AutoConfig": "configuration_phi3.Phi3Config"}, "embd_pdrop": 0.0, "resid_pdrop": 0.1, "attention_bias": false, "mlp_bias": false,
			"lm_head_bias": false, "interpolate_factor": 1, "full_attn_mod": 1},
		"qwen3_5_moe_text": {"mtp_num_hidden_layers": 1, "mtp_use_dedicated_embeddings": false, "attn_output_gate": true, "mamba_ssm_dtype": "float32",
			"mlp_only_layers": []int{}, "full_attention_interval": 4, "output_router_logits": false, "router_aux_loss_coef": 0.001},
		"lfm2":             {"block_dim": 28, "block_norm_eps": 1e-5, "block_use_swiglu": true, "conv_dim": 28, "num_heads": 2, "use_pos_enc": true, "theta": 1000000.0},
		"granitemoehybrid": {"init_method": "mup", "normalization_function": "rmsnorm", "position_embedding_type": "nope", "time_step_limit": nil},
		"falcon_h1":        {"mamba_use_mlp": true, "mlp_expansion_factor": 8, "time_step_floor": 1e-4, "time_step_max": 0.1, "time_step_min": 0.001, "attn_layer_indices": nil},
		"nemotron_h":       {"num_hidden_layers": 52, "rms_norm_eps": 1e-5, "expand": 2, "time_step_rank": 256, "mtp_hybrid_override_pattern": "*E"},
		"gemma2":           {"cache_implementation": "hybrid", "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh"},
		"gemma3":           {"cache_implementation": "hybrid", "attn_logit_softcapping": nil, "use_bidirectional_attention": false, "_sliding_window_pattern": 6},
	} {
		if _, err := ParseConfig(edited(t, fixture, e)); err != nil {
			t.Errorf("%s: %v", fixture, err)
		}
	}
}

// TestDocumented: docs/MODELS.md names every key that is read or bound to values.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/MODELS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []keyTable{configKeys, ggufKeys} {
		for section, keys := range table {
			for key, use := range keys {
				if (use.read || use.only != nil) && !strings.Contains(string(text), "`"+key+"`") {
					t.Errorf("[%s] %s is not in docs/MODELS.md", section, key)
				}
			}
		}
	}
}
