package checkpoint_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// TestQuantized compares what testdata/quantized stores with the packages' own reading of it
// (make.py there), in windows of several sizes.
func TestQuantized(t *testing.T) {
	configs, err := filepath.Glob("testdata/quantized/*.json")
	must(t, err)
	if len(configs) < 14 {
		t.Fatalf("%d checkpoints", len(configs))
	}
	for _, config := range configs {
		name := strings.TrimSuffix(config, ".json")
		t.Run(filepath.Base(name), func(t *testing.T) {
			dir := t.TempDir()
			for from, to := range map[string]string{config: "config.json", name + ".safetensors": "model.safetensors"} {
				text, err := os.ReadFile(from)
				must(t, err)
				write(t, filepath.Join(dir, to), string(text))
			}
			src, err := checkpoint.Open(t.Context(), dir, checkpoint.Options{})
			must(t, err)
			defer src.Close()
			truth, err := safetensors.Open(name + ".truth.safetensors")
			must(t, err)
			defer truth.Close()
			tolerance := 1e-6
			if filepath.Base(name) == "nvfp4" {
				tolerance = 5e-3 // the package multiplies in bfloat16
			}
			want := truth.Tensors()[0]
			y := make([]float32, want.Len())
			must(t, want.ReadFloat32(t.Context(), y, 0))
			made := src.Tensors()
			if src.Quantization() == "" || len(made) == 0 {
				t.Fatalf("%d tensors, %q", len(made), src.Quantization())
			}
			if filepath.Base(name) == "gpt-oss" { // on its side, gates and up projections by turns
				if len(made) != 2 || made[0].Name != "m.experts.gate_proj.weight" || made[1].Name != "m.experts.up_proj.weight" {
					t.Fatalf("tensors %v", made)
				}
				for i, got := range made {
					half, shape := upright(y, want.Shape, i)
					compareWindows(t, got, shape, half, tolerance)
				}
				return
			}
			if len(made) != 1 || made[0].Name != want.Name {
				t.Fatalf("%d tensors, %s first, want %s", len(made), made[0].Name, want.Name)
			}
			compareWindows(t, made[0], want.Shape, y, tolerance)
		})
	}
}

// upright turns experts [experts, inputs, outputs] and takes every other output, from the first on.
func upright(x []float32, shape []int, first int) (turned []float32, turnedShape []int) {
	inputs, outputs := shape[1], shape[2]
	for e := range shape[0] {
		for o := first; o < outputs; o += 2 {
			for i := range inputs {
				turned = append(turned, x[(e*inputs+i)*outputs+o])
			}
		}
	}
	return turned, []int{shape[0], outputs / 2, inputs}
}

// compareWindows compares a tensor's shape and values, read in windows of several sizes.
func compareWindows(t *testing.T, got *checkpoint.Tensor, shape []int, y []float32, tolerance float64) {
	t.Helper()
	if !slices.Equal(got.Shape, shape) || !got.IsFloat() {
		t.Fatalf("%s %v, want %v", got.Name, got.Shape, shape)
	}
	for _, window := range []int{len(y), 1, 7, got.Shape[len(got.Shape)-1], 1000} {
		x := make([]float32, len(y))
		for at := 0; at < len(x); at += window {
			must(t, got.ReadFloat32(t.Context(), x[at:min(len(x), at+window)], at))
		}
		for i := range x {
			if d := math.Abs(float64(x[i] - y[i])); d > tolerance*math.Abs(float64(y[i]))+1e-7 {
				t.Fatalf("windows of %d: element %d is %v, want %v", window, i, x[i], y[i])
			}
		}
	}
	if _, err := got.SHA256(t.Context()); err != nil {
		t.Error(err)
	}
	if raw := make([]byte, 1); got.ReadRaw(t.Context(), raw, got.Size) == nil || got.ReadFloat32(t.Context(), y[:1], len(y)) == nil {
		t.Error("read beyond the end")
	}
}

// TestQuantizationRefused: what is not read is refused by its name, when it is opened.
func TestQuantizationRefused(t *testing.T) {
	plain := []safetensors.Entry{safetensors.Float32("m.weight", []int{2, 4}, counting(8, 0))}
	bytes := func(name string, kind dtype.Type, shape ...int) safetensors.Entry {
		n := kind.Size()
		for _, d := range shape {
			n *= d
		}
		return safetensors.Entry{Name: name, DType: kind, Shape: shape, Data: make([]byte, n)}
	}
	method := func(rest string) string { return `{"quantization_config": {` + rest + `}}` }
	const (
		float8  = `"quant_method": "compressed-tensors", "format": "float-quantized"`
		grouped = `"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 8, "type": "int", "strategy": "group", "group_size": 2}}}`
	)
	for _, c := range []struct {
		config, names string
		tensors       []safetensors.Entry
	}{
		{method(`"quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "nf4"`), "nf4", plain},
		{method(`"quant_method": "bitsandbytes", "load_in_4bit": true`), "fp4", plain},
		{`{"quantization": {"group_size": 64, "bits": 4}}`, "MLX", plain},
		{method(`"bits": 4, "group_size": 64`), "quant_method", plain},
		{method(`"quant_method": "hqq"`), "hqq", plain},
		{`{"limits": [NaN, -Infinity, Infinity], "name": "a, NaN", "quantization_config": {"quant_method": "hqq"}}`, "hqq", plain},
		{method(`"quant_method": "torchao"`), "torchao", plain},
		{method(`"quant_method": "quark"`), "quark", plain},
		{method(`"quant_method": "gptq", "bits": 5`), "5", plain},
		{method(`"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"`), "marlin", plain},
		{method(`"quant_method": "awq", "bits": 4, "version": "gemv"`), "gemv", plain},
		{method(`"quant_method": "fp8", "fmt": "e4m3fnuz"`), "e4m3fnuz", plain},
		{method(`"quant_method": "modelopt", "quant_algo": "W4A16_AWQ"`), "W4A16_AWQ", plain},
		{method(`"quant_method": "compressed-tensors", "format": "marlin-24"`), "marlin-24", plain},
		{method(`"quant_method": "compressed-tensors", "sparsity_config": {"format": "sparse-24-bitmask"}`), "sparse-24-bitmask", plain},
		{method(`"quant_method": "compressed-tensors", "transform_config": {"config_groups": {"R1": {}}}`), "transforms", plain},
		{method(`"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 8, "type": "float", "strategy": "token"}}}`), "token", plain},
		{`{"text_config": {"quantization_config": {"quant_method": "aqlm"}}}`, "aqlm", plain},
		{"{}", "m.qweight", []safetensors.Entry{bytes("m.qweight", dtype.I32, 4, 8), bytes("m.qzeros", dtype.I32, 1, 1), bytes("m.scales", dtype.F16, 1, 8)}},
		{"{}", "m.weight", []safetensors.Entry{bytes("m.weight", dtype.U32, 4, 8), bytes("m.scales", dtype.F16, 4, 1), bytes("m.biases", dtype.F16, 4, 1)}},
		{"{}", "m.weight", []safetensors.Entry{bytes("m.weight", dtype.U8, 32, 1), bytes("m.weight.absmax", dtype.F32, 1)}},
		{"{}", "m.weight", []safetensors.Entry{bytes("m.weight", dtype.F8E4M3, 4, 4), bytes("m.scale", dtype.F32, 1)}},
		{method(`"quant_method": "fp8"`), "m.weight", []safetensors.Entry{bytes("m.weight", dtype.I8, 4, 4), bytes("m.weight_scale", dtype.F32, 1)}},
		// What lies beside a weight changes it: an order of columns, another scale, smoothing.
		{method(grouped), "m.weight_g_idx", []safetensors.Entry{bytes("m.weight", dtype.I8, 4, 4), bytes("m.weight_scale", dtype.F32, 4, 2), bytes("m.weight_g_idx", dtype.I32, 4)}},
		{method(float8), "m.weight_scale_2", []safetensors.Entry{bytes("m.weight", dtype.F8E4M3, 4, 4), bytes("m.weight_scale", dtype.F32, 1), bytes("m.weight_scale_2", dtype.F32, 1)}},
		{method(float8), "m.weight_scale", []safetensors.Entry{bytes("m.weight", dtype.F8E4M3, 4, 4), bytes("m.weight_scale", dtype.F32, 1), bytes("m.weight_scale_inv", dtype.F32, 1)}},
		{method(float8), "m.pre_quant_scale", []safetensors.Entry{bytes("m.weight", dtype.F8E4M3, 4, 4), bytes("m.weight_scale", dtype.F32, 1), bytes("m.pre_quant_scale", dtype.F32, 4)}},
		{method(float8), "x_scale_2", []safetensors.Entry{bytes("x", dtype.F8E4M3, 4, 4), bytes("x_scale", dtype.F32, 1), bytes("x_scale_2", dtype.F32, 1)}},
	} {
		dir := t.TempDir()
		must(t, safetensors.Create(filepath.Join(dir, "model.safetensors"), c.tensors, nil))
		write(t, filepath.Join(dir, "config.json"), c.config)
		src, err := checkpoint.Open(t.Context(), dir, checkpoint.Options{})
		if err == nil {
			src.Close()
		}
		if !errors.Is(err, checkpoint.ErrQuantization) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: %v, want %q named", c.config, err, c.names)
		}
		if src, err := checkpoint.OpenPath(t.Context(), dir, checkpoint.Options{Stored: true}); err != nil || len(src.Tensors()) != len(c.tensors) {
			t.Errorf("%s, as it is stored: %v", c.config, err)
		} else {
			src.Close()
		}
	}
}
