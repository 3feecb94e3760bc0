package gguf_test

import (
	"bytes"
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

func openModel(t testing.TB, name string) *gguf.File {
	t.Helper()
	path := filepath.Join(shared, "models/stories260K-gguf", name)
	f, err := gguf.Open(path)
	if err != nil {
		t.Skipf("model absent: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func readTensor(t testing.TB, x *gguf.Tensor) []float32 {
	t.Helper()
	values := make([]float32, x.Len())
	if err := x.ReadFloat32(context.Background(), values, 0); err != nil {
		t.Fatal(err)
	}
	return values
}

func TestModelMetadata(t *testing.T) {
	f := openModel(t, "s260k-f32.gguf")
	if arch, err := f.String("general.architecture"); arch != "llama" || err != nil {
		t.Errorf("architecture %q, %v", arch, err)
	}
	for key, want := range map[string]uint64{
		"llama.embedding_length": 64, "llama.block_count": 5, "llama.attention.head_count": 8,
		"llama.attention.head_count_kv": 4, "llama.feed_forward_length": 172,
	} {
		if got, err := f.Uint(key); got != want || err != nil {
			t.Errorf("%s is %d, %v; want %d", key, got, err, want)
		}
	}
	if eps, err := f.Float("llama.attention.layer_norm_rms_epsilon"); math.Abs(eps-1e-5) > 1e-9 || err != nil {
		t.Errorf("epsilon %v, %v", eps, err)
	}
	tokens, err := f.Strings("tokenizer.ggml.tokens")
	if err != nil || len(tokens) != 512 || tokens[1] != "<s>" || tokens[3] != "<0x00>" {
		t.Errorf("%d tokens, %v, %v", len(tokens), tokens[:min(4, len(tokens))], err)
	}
	if scores, err := f.Floats32("tokenizer.ggml.scores"); err != nil || len(scores) != 512 {
		t.Errorf("%d scores, %v", len(scores), err)
	}
	if kinds, err := f.Ints("tokenizer.ggml.token_type"); err != nil || len(kinds) != 512 || kinds[3] != 6 {
		t.Errorf("%d token types, %v", len(kinds), err)
	}
	if x, ok := f.Tensor("blk.0.ffn_gate.weight"); !ok || !slices.Equal(x.Shape, []int{172, 64}) {
		t.Errorf("blk.0.ffn_gate.weight is %+v", x)
	}
	if x, ok := f.Tensor("blk.0.attn_k.weight"); !ok || !slices.Equal(x.Shape, []int{32, 64}) {
		t.Errorf("blk.0.attn_k.weight is %+v", x)
	}
	if n := len(f.Tensors()); n != 5*9+3 {
		t.Errorf("%d tensors", n)
	}
}

// TestModels compares every quantized model with the original: relative RMS error
// over all its tensors, and bytes where the quantizer is ours too.
func TestModels(t *testing.T) {
	original := openModel(t, "s260k-f32.gguf")
	for name, limit := range map[string]float64{
		"s260k-BF16.gguf": 0.002, "s260k-Q8_0.gguf": 0.007, "s260k-Q5_1.gguf": 0.04, "s260k-Q4_0.gguf": 0.1, "s260k-IQ4_NL.gguf": 0.09,
	} {
		f := openModel(t, name)
		if len(f.Tensors()) != len(original.Tensors()) {
			t.Errorf("%s: %d tensors, want %d", name, len(f.Tensors()), len(original.Tensors()))
		}
		var errors, total float64
		same := 0
		for _, x := range f.Tensors() {
			o, ok := original.Tensor(x.Name)
			if !ok || !slices.Equal(o.Shape, x.Shape) {
				t.Fatalf("%s: tensor %q is not as in the original", name, x.Name)
			}
			want, got := readTensor(t, o), readTensor(t, x)
			for i := range want {
				e := float64(got[i]) - float64(want[i])
				errors += e * e
				total += float64(want[i]) * float64(want[i])
			}
			raw := make([]byte, x.Size())
			if err := x.ReadRaw(context.Background(), raw, 0); err != nil {
				t.Fatal(err)
			}
			if ours, err := gguf.AppendFloat32(nil, want, x.Type); err == nil {
				same++
				if !bytes.Equal(ours, raw) {
					t.Errorf("%s: tensor %q, quantized by us, has other bytes", name, x.Name)
				}
			}
		}
		if rms := math.Sqrt(errors / total); !(rms < limit) {
			t.Errorf("%s: relative RMS error %.4f, limit %v", name, rms, limit)
		} else {
			t.Logf("%s: relative RMS error %.5f, %d of %d tensors quantized alike", name, rms, same, len(f.Tensors()))
		}
	}
}
