package arch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestExpertNames: the tensor of an expert and that of all of them name each other.
func TestExpertNames(t *testing.T) {
	for name, want := range map[string]string{
		"model.layers.3.mlp.experts.17.gate_proj.weight":      "model.layers.3.mlp.experts.gate_proj.weight 17",
		"model.layers.0.block_sparse_moe.experts.0.w1.weight": "model.layers.0.block_sparse_moe.experts.w1.weight 0",
		"blk.2.ffn_gate.5.weight":                             "blk.2.ffn_gate_exps.weight 5",
		"blk.2.ffn_down.0.weight":                             "blk.2.ffn_down_exps.weight 0",
		"blk.2.ffn_gate.weight":                               "",
		"blk.2.attn_q.5.weight":                               "",
		"model.layers.3.mlp.experts.17.gate_proj.bias":        "",
		"model.layers.3.mlp.experts.017.gate_proj.weight":     "",
		"model.layers.3.mlp.experts.-1.gate_proj.weight":      "",
		"model.layers.3.mlp.experts.gate_proj.weight":         "",
		"model.layers.3.mlp.experts.gate_up_proj":             "",
		"model.layers.3.mlp.gate_proj.weight":                 "",
	} {
		stack, number, ok := ExpertOf(name)
		got := ""
		if ok {
			got = fmt.Sprint(stack, " ", number)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
		if one, back := OneExpert(stack, number); ok && back && one != name || ok && !back && name[:3] != "blk" {
			t.Errorf("%s, %d is %q, %v", stack, number, one, back)
		}
	}
}

// TestSparseLayers: which layers have experts, as transformers decides it.
func TestSparseLayers(t *testing.T) {
	for _, c := range []struct {
		fixture string
		edits   edits
		want    []bool
	}{
		{"qwen3_moe", nil, []bool{true, true}},
		{"qwen3_moe", edits{"decoder_sparse_step": 2}, []bool{false, true}},
		{"qwen3_moe", edits{"mlp_only_layers": []int{1}}, []bool{true, false}},
		{"qwen2_moe", edits{"decoder_sparse_step": 3}, []bool{false, false}},
		{"qwen2_moe", edits{"num_experts": 0}, []bool{false, false}},
		{"mixtral", nil, []bool{true, true}},
	} {
		got, err := ParseConfig(edited(t, c.fixture, c.edits))
		if err != nil {
			t.Fatal(err)
		}
		var sparse []bool
		for l := range got.Layers {
			sparse = append(sparse, got.HasExperts(l))
		}
		if !slices.Equal(sparse, c.want) {
			t.Errorf("%s, %v: %v, want %v", c.fixture, c.edits, sparse, c.want)
		}
	}
}

// TestFamilies: every family has words for people, and is found by both of its names.
func TestFamilies(t *testing.T) {
	list := Families()
	if len(list) != len(families) {
		t.Errorf("%d of %d families", len(list), len(families))
	}
	for _, f := range list {
		if f.About == "" {
			t.Errorf("nothing is said about %s", f.Name)
		}
		if !strings.HasPrefix(f.Tested, "transformers") || strings.Contains(f.Tested, "llama.cpp") != (f.GGUF != "") {
			t.Errorf("%s is compared with %s", f.Name, f.Tested)
		}
		for _, name := range []string{f.Name, f.GGUF} {
			if _, err := findFamily(name); name != "" && err != nil {
				t.Error(err)
			}
		}
	}
}

// TestWidestFFN: an ordinary FFN's size counts where some layer has one.
func TestWidestFFN(t *testing.T) {
	for _, c := range []struct {
		experts Experts
		want    int
	}{
		{Experts{}, 50}, {Experts{Count: 4, FFN: 7}, 7}, {Experts{Count: 4, FFN: 7, Shared: 9}, 9},
		{Experts{Count: 4, FFN: 7, Dense: []bool{false, true}}, 50}, {Experts{Count: 4, FFN: 70, Dense: []bool{false, true}}, 70},
	} {
		if got := (&Config{Layers: 2, FFN: 50, Experts: c.experts}).WidestFFN(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.experts, got, c.want)
		}
	}
}

// TestIsExperts: the matrices of all experts of a layer are known by their names.
func TestIsExperts(t *testing.T) {
	for name, want := range map[string]bool{
		"model.layers.3.mlp.experts.gate_proj.weight": true, "model.layers.3.mlp.experts.gate_up_proj": true, "blk.3.ffn_down_exps.weight": true,
		"model.layers.3.block_sparse_moe.input_linear.weight": true, "model.layers.3.block_sparse_moe.output_linear.weight": true,
		"model.layers.3.mlp.shared_expert.up_proj.weight": false, "model.layers.3.block_sparse_moe.router.layer.weight": false, "blk.3.ffn_down.weight": false,
	} {
		if got := IsExperts(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
