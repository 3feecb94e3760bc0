package export

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// TestFusedGates: where a GGUF file has experts' gates and up projections as one tensor, as llama.cpp's converter writes them if it is asked to
// (--fuse-gate-up-exps), the model has the logits of two.
func TestFusedGates(t *testing.T) {
	for _, c := range families {
		if strings.HasPrefix(c.name, "gpt_oss") { // whose biases llama.cpp has apart always
			continue
		}
		out := t.TempDir()
		apart, fused := filepath.Join(out, "apart.gguf"), filepath.Join(out, "fused.gguf")
		_, err := File(t.Context(), family(t, c.name, c.change), apart, Options{})
		must(t, err)
		f, err := gguf.Open(apart)
		must(t, err)
		var entries []gguf.Entry
		n := 0
		for _, tensor := range f.Tensors() {
			values, shape := floats(t, tensor), tensor.Shape
			switch gate := strings.Replace(tensor.Name, "ffn_up_exps", "ffn_gate_exps", 1); {
			case strings.Contains(tensor.Name, "ffn_gate_exps") && strings.HasSuffix(tensor.Name, "weight"):
				continue
			case gate != tensor.Name && strings.HasSuffix(gate, "weight"):
				other, ok := f.Tensor(gate)
				if !ok {
					break
				}
				up, each := values, len(values)/shape[0]
				values = nil
				for e := range shape[0] {
					values = append(append(values, floats(t, other)[e*each:][:each]...), up[e*each:][:each]...)
				}
				tensor.Name, shape = strings.Replace(tensor.Name, "ffn_up_exps", "ffn_gate_up_exps", 1), []int{shape[0], 2 * shape[1], shape[2]}
				n++
			}
			data := make([]byte, 0, 4*len(values))
			for _, v := range values {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
			}
			entries = append(entries, gguf.Entry{Name: tensor.Name, Type: gguf.F32, Shape: shape, Data: data})
		}
		var metadata []gguf.Pair
		for _, key := range f.Keys() {
			metadata = append(metadata, gguf.Pair{Key: key, Value: f.Metadata()[key]})
		}
		must(t, f.Close())
		if n == 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			must(t, gguf.Create(fused, entries, metadata))
			if !slices.Equal(ran(t, fused), ran(t, apart)) {
				t.Error("other logits")
			}
		})
	}
}

func floats(t *testing.T, tensor *gguf.Tensor) []float32 {
	t.Helper()
	x := make([]float32, tensor.Len())
	must(t, tensor.ReadFloat32(t.Context(), x, 0))
	return x
}
