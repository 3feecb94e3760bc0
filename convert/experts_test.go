package convert

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestConvertExperts: a layer's experts of a use become one matrix, calibrated by statistics that they share,
// in blocks that end where an expert's rows do; routers are kept exact, and the model runs.
func TestConvertExperts(t *testing.T) {
	src := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors"} {
		b, err := os.ReadFile(filepath.Join("../transformer/testdata/fixtures/qwen2_moe", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(src, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(src, "tokenizer.json"), `{"added_tokens": [], "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
		"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "merges": [], "vocab": {"Ġ": 0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7}}}`)
	var text strings.Builder
	for i := range 1 << 13 {
		text.WriteByte("a bcd efg"[i*i*7%11%9])
	}
	write(t, filepath.Join(src, "letters.txt"), text.String())
	out := filepath.Join(t.TempDir(), "out")
	report, err := Directory(t.Context(), Job{Source: src, Output: out, Options: Options{Bits: 6}, Allocate: EqualRate,
		Calibration: Calibration{Text: filepath.Join(src, "letters.txt"), Tokens: 4096}})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Notes) > 0 {
		t.Errorf("%q", report.Notes)
	}
	corrected := filepath.Join(t.TempDir(), "out")
	job := Job{Source: src, Output: corrected, Options: Options{Bits: 6}, Allocate: EqualRate, CorrectDrift: true,
		Calibration: Calibration{Text: filepath.Join(src, "letters.txt"), Tokens: 4096}}
	convertAll(t, job)
	if checks, err := Rebuild(t.Context(), corrected, Job{Source: src, Calibration: job.Calibration}); err != nil || len(failures(checks)) > 0 {
		t.Errorf("with drift corrected: %v, %v", failures(checks), err)
	}
	m, err := model.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if use := m.Manifest.ExpertUse; use == nil || use.Tokens != 4096 || use.Check(2, 5) != nil {
		t.Errorf("uses of experts: %+v", use)
	}
	formats := map[string]string{}
	for name, e := range m.Manifest.Tensors {
		if rest, ok := strings.CutPrefix(name, "model.layers.1.mlp."); ok {
			formats[rest] = e.Format
		}
	}
	want := map[string]string{
		"gate.weight": model.FormatNPY, "shared_expert_gate.weight": model.FormatNPY,
		"experts.gate_proj.weight": model.FormatLattice, "experts.up_proj.weight": model.FormatLattice, "experts.down_proj.weight": model.FormatLattice,
		"shared_expert.gate_proj.weight": model.FormatLattice, "shared_expert.up_proj.weight": model.FormatLattice, "shared_expert.down_proj.weight": model.FormatLattice,
	}
	if !maps.Equal(formats, want) {
		t.Errorf("formats %v, want %v", formats, want)
	}
	if e := m.Manifest.Tensors["model.layers.1.mlp.experts.down_proj.weight"]; !slices.Equal(e.OriginalShape, []int{5, 28, 13}) || !slices.Equal(e.CDNAShape, []int{140, 13}) {
		t.Errorf("%v as %v", e.OriginalShape, e.CDNAShape)
	}
	run, err := transformer.Open(t.Context(), out, transformer.Options{Context: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if err := run.Logits(t.Context(), []int{1, 2, 3}, func(int, []float32) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// TestExpertBlocks: blocks hold rows of one expert where a number near the usual one divides them.
func TestExpertBlocks(t *testing.T) {
	for _, c := range []struct {
		shape  []int
		method Method
		want   int
	}{
		{[]int{128, 768, 2048}, Entropy, 128}, {[]int{128, 2048, 768}, Entropy, 256}, {[]int{128, 768, 2048}, Lattice, 128},
		{[]int{4, 769, 2048}, Entropy, 0}, // a prime
		{[]int{8, 14336, 4096}, Entropy, 56}, {[]int{768, 2048}, Entropy, 0},
	} {
		p := &plannedTensor{Tensor: &checkpoint.Tensor{Name: "blk.0.ffn_up_exps.weight", Shape: c.shape}, options: Options{Method: c.method}}
		got := p.expertBlockRows()
		if got != c.want {
			t.Errorf("%v, %s: %d rows, want %d (usually %d)", c.shape, c.method, got, c.want, cdna.AutoBlockRows(c.shape[0], c.shape[1]))
		}
	}
}
