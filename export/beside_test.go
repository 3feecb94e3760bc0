package export

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
)

// TestBeside: towers, and layers that predict several tokens, are left out of GGUF files and of conversions, which say so and are otherwise
// those of the language model alone.
func TestBeside(t *testing.T) {
	dir, out := family(t, "glm4_moe", nil), t.TempDir()
	alone, left, again := filepath.Join(out, "alone.gguf"), filepath.Join(out, "left.gguf"), filepath.Join(out, "again.gguf")
	f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	must(t, err)
	var entries []safetensors.Entry
	for _, tensor := range f.Tensors() {
		x := make([]float32, tensor.Len())
		must(t, tensor.ReadFloat32(t.Context(), x, 0))
		entries = append(entries, safetensors.Float32(tensor.Name, tensor.Shape, x))
	}
	must(t, f.Close())
	write := func() {
		t.Helper()
		must(t, os.Remove(filepath.Join(dir, "model.safetensors")))
		must(t, safetensors.Create(filepath.Join(dir, "model.safetensors"), entries, nil))
	}
	write()
	_, err = File(t.Context(), dir, alone, Options{})
	must(t, err)
	whole := converted(t, dir, convert.Options{Method: convert.Lossless})
	for _, name := range []string{"model.visual.patch_embed.proj.weight", "model.audio_tower.norm.weight", arch.LayerName(2, "eh_proj.weight"), arch.LayerName(2, "input_layernorm.weight")} {
		entries = append(entries, safetensors.Float32(name, []int{3, 2}, make([]float32, 6)))
	}
	write()
	r, err := File(t.Context(), dir, left, Options{})
	must(t, err)
	report, err := convert.Directory(t.Context(), convert.Job{Source: dir, Output: filepath.Join(out, "model"), Options: convert.Options{Method: convert.Lossless}})
	must(t, err)
	for _, notes := range [][]string{r.Notes, report.Notes} {
		all := strings.Join(notes, "\n")
		for _, c := range []arch.Component{arch.Pictures, arch.Sound, arch.Ahead} {
			if !strings.Contains(all, string(c)+" is left out") {
				t.Errorf("%q says nothing of %s", all, c)
			}
		}
	}
	_, err = File(t.Context(), filepath.Join(out, "model"), again, Options{})
	must(t, err)
	want, err := os.ReadFile(alone)
	must(t, err)
	for _, path := range []string{left, again} {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes, %v", path, err)
		}
	}
	a, err := model.Open(whole)
	must(t, err)
	b, err := model.Open(filepath.Join(out, "model"))
	must(t, err)
	if len(a.Manifest.Tensors) != len(b.Manifest.Tensors) {
		t.Errorf("%d tensors are converted, %d of the language model", len(b.Manifest.Tensors), len(a.Manifest.Tensors))
	}
}
