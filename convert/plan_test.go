package convert

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// TestLongInputs: matrices whose inputs are too long for statistics have codebooks, a line names them, and where the
// method is asked for they are refused.
func TestLongInputs(t *testing.T) {
	src := demoCheckpoint(t)
	config := `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16, "intermediate_size": 16400, "num_hidden_layers": 1,
		"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 16, "rms_norm_eps": 1e-5, "vocab_size": 1024, "max_position_embeddings": 512}`
	if err := os.WriteFile(filepath.Join(src, "config.json"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(src, "model.safetensors")
	if err := os.Remove(weights); err != nil {
		t.Fatal(err)
	}
	const layer = "model.layers.0."
	entries := []safetensors.Entry{matrixEntry("model.embed_tokens.weight", 1024, 16, 1), matrixEntry("lm_head.weight", 1024, 16, 2)}
	for _, name := range []string{"model.norm", layer + "input_layernorm", layer + "post_attention_layernorm"} {
		entries = append(entries, safetensors.Float32(name+".weight", []int{16}, gaussian(16, 3)))
	}
	for i, name := range []string{"q", "k", "v", "o"} {
		entries = append(entries, matrixEntry(layer+"self_attn."+name+"_proj.weight", 16, 16, uint64(4+i)))
	}
	const down = layer + "mlp.down_proj.weight"
	entries = append(entries, matrixEntry(layer+"mlp.gate_proj.weight", 16400, 16, 8), matrixEntry(layer+"mlp.up_proj.weight", 16400, 16, 9), matrixEntry(down, 16, 16400, 10))
	create(t, weights, entries...)
	job := Job{Source: src, Output: filepath.Join(t.TempDir(), "out")}
	p, err := Plan(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Notes) != 1 || !strings.HasSuffix(p.Notes[0], ": "+down) {
		t.Errorf("notes %q", p.Notes)
	}
	for _, x := range p.Tensors {
		if x.Name == down && x.Action != "compress" || strings.Contains(x.Name, "up_proj") && !strings.Contains(x.Action, "lattice") {
			t.Errorf("%+v", x)
		}
	}
	job.Overrides = []Override{override(t, "down=method=lattice")}
	if _, err := Plan(t.Context(), job); !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), "16400") {
		t.Errorf("%v", err)
	}
}
