package convert

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
)

// down is the matrix of wideCheckpoint that has the long input.
const down = "model.layers.0.mlp.down_proj.weight"

// wideCheckpoint is a model of one layer whose down projection has so many inputs.
func wideCheckpoint(t *testing.T, inputs int) string {
	t.Helper()
	src := demoCheckpoint(t) // for its tokenizer
	config := fmt.Sprintf(`{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16, "intermediate_size": %d, "num_hidden_layers": 1,
		"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 16, "rms_norm_eps": 1e-5, "vocab_size": 1024, "max_position_embeddings": 512}`, inputs)
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
	entries = append(entries, matrixEntry(layer+"mlp.gate_proj.weight", inputs, 16, 8), matrixEntry(layer+"mlp.up_proj.weight", inputs, 16, 9), matrixEntry(down, 16, inputs, 10))
	create(t, weights, entries...)
	return src
}

// TestLongestInputs: matrices whose inputs are too long for statistics have codebooks, a line names them, and where the
// method is asked for they are refused.
func TestLongestInputs(t *testing.T) {
	job := Job{Source: wideCheckpoint(t, 131080), Output: filepath.Join(t.TempDir(), "out")}
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
	if _, err := Plan(t.Context(), job); !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), "131080") {
		t.Errorf("%v", err)
	}
}

// TestMemoryOfLongInputs: matrices of more than 8192 inputs become those of the method lattice, in not much more memory than
// those of 8192: whole, the Σ of 14336 alone would take 1.6 GB, and in float32 0.4 more.
func TestMemoryOfLongInputs(t *testing.T) {
	for inputs, limit := range map[int]int64{14336: 1 << 30, 28672: 1280 << 20} {
		job := Job{Source: wideCheckpoint(t, inputs), Output: filepath.Join(t.TempDir(), "out"), Memory: limit, Options: Options{Threads: 2}}
		p, err := Plan(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range p.Tensors {
			if x.Name == down && !strings.Contains(x.Action, "lattice") {
				t.Errorf("%d inputs: %+v", inputs, x)
			}
		}
		if len(p.Notes) != 0 {
			t.Errorf("%d inputs: notes %q", inputs, p.Notes)
		}
		if c := p.Calibration; c == nil || c.Bytes > 2*4*16*int64(c.Tokens)+4*8192*8192/2+1<<20 {
			t.Errorf("%d inputs: %+v", inputs, c)
		}
	}
}

// TestLongInputs: a model of which an input has several parts is calibrated, its drift corrected and its matrices stored.
func TestLongInputs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds, and 700 MB")
	}
	dir := t.TempDir()
	job := Job{
		Source: wideCheckpoint(t, 8200), Output: filepath.Join(dir, "out"), ModelID: "m", Memory: 900 << 20, Options: Options{Bits: 4, Threads: 2}, Allocate: EqualRate, CorrectDrift: true,
		Embeddings: settings(t, "exact"), Calibration: Calibration{Tokens: few, Statistics: filepath.Join(dir, "statistics")},
	}
	report := convertAll(t, job)
	if len(report.Notes) != 0 {
		t.Errorf("notes %q", report.Notes)
	}
	m, err := model.Open(job.Output)
	if err != nil {
		t.Fatal(err)
	}
	if f := m.Manifest.Tensors[down].Format; f != model.FormatLattice {
		t.Errorf("%s is %s", down, f)
	}
	for _, x := range report.Tensors {
		if x.Name != down {
			continue
		}
		if r := x.Matrix; r.OutputSNRdB == nil || *r.OutputSNRdB < *r.SNRdB+10 { // 17 dB when it was written
			t.Errorf("%+v: outputs are not much nearer than weights", r)
		}
	}
}
