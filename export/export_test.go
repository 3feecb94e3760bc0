package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/compare"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/transformer"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// checkpointDir is the built-in model as it was published.
func checkpointDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkpoint")
	must(t, demo.Extract(dir))
	return dir
}

func converted(t *testing.T, src string, o convert.Options) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "model")
	if o.Method == "" {
		o.Method = convert.Entropy
	}
	_, err := convert.Directory(t.Context(), convert.Job{Source: src, Output: out, Options: o})
	must(t, err)
	return out
}

// sums hashes every tensor of a checkpoint.
func sums(t *testing.T, path string) map[string]string {
	t.Helper()
	c, err := checkpoint.Open(t.Context(), path, checkpoint.Options{})
	must(t, err)
	defer c.Close()
	all := map[string]string{}
	for _, tensor := range c.Tensors() {
		sum, err := tensor.SHA256(t.Context())
		must(t, err)
		all[tensor.Name] = tensor.DType + " " + sum
	}
	return all
}

// TestLosslessComesOutAsItWentIn: every tensor has the source's bytes again, of every
// type, NaNs and infinities included.
func TestLosslessComesOutAsItWentIn(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "odd.safetensors")
	special := []byte{0x01, 0x00, 0xc0, 0xff, 0x00, 0x80, 0x81, 0x7f}
	var entries []safetensors.Entry
	for _, k := range []dtype.Type{dtype.F64, dtype.F32, dtype.F16, dtype.BF16, dtype.F8E4M3, dtype.F8E5M2} {
		data := slices.Repeat(special, 3*k.Size())
		entries = append(entries, safetensors.Entry{Name: "matrix." + string(k), DType: k, Shape: []int{4, 6}, Data: data})
		if k != dtype.F8E4M3 && k != dtype.F8E5M2 { // vectors of float8 come out as bfloat16
			entries = append(entries, safetensors.Entry{Name: "vector." + string(k), DType: k, Shape: []int{24}, Data: data})
		}
	}
	entries = append(entries, safetensors.Entry{Name: "ids", DType: dtype.I64, Shape: []int{1}, Data: make([]byte, 8)})
	must(t, safetensors.Create(odd, entries, nil))
	for _, src := range []string{odd, checkpointDir(t)} {
		out := filepath.Join(t.TempDir(), "model.safetensors")
		_, err := File(t.Context(), converted(t, src, convert.Options{Method: convert.Lossless}), out, Options{})
		must(t, err)
		got, want := sums(t, out), sums(t, src)
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s: %s, want %s", name, got[name], want[name])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d tensors, want %d", len(got), len(want))
		}
	}
}

// logits runs a model on a text.
func logits(t *testing.T, path string) []float32 {
	t.Helper()
	tok, err := generate.OpenTokenizer(path)
	must(t, err)
	m, err := transformer.Open(t.Context(), path, transformer.Options{})
	must(t, err)
	defer m.Close()
	var rows []float32
	ids, err := tok.Encode("Once upon a time, there was a dog.", true)
	must(t, err)
	must(t, m.Logits(t.Context(), ids, func(_ int, logits []float32) error {
		rows = append(rows, logits...)
		return nil
	}))
	return rows
}

// TestGGUFRunsAlike: the exported file has the logits of the directory, whichever kind
// of source that had. Llama's rows are in another order, so sums round differently.
func TestGGUFRunsAlike(t *testing.T) {
	src := checkpointDir(t)
	out := filepath.Join(t.TempDir(), "model.gguf")
	dir := converted(t, src, convert.Options{})
	_, err := File(t.Context(), dir, out, Options{DType: F32})
	must(t, err)
	again := filepath.Join(t.TempDir(), "again.gguf")
	_, err = File(t.Context(), converted(t, out, convert.Options{Method: convert.Lossless}), again, Options{})
	must(t, err)
	want := logits(t, dir)
	for _, path := range []string{out, again} {
		got := logits(t, path)
		if len(got) != len(want) {
			t.Fatalf("%d logits, want %d", len(got), len(want))
		}
		for i := range got {
			if d := got[i] - want[i]; d > 1e-3 || d < -1e-3 {
				t.Fatalf("%s: logit %d is %v, want %v", path, i, got[i], want[i])
			}
		}
	}
	r, err := compare.Models(t.Context(), out, again, nil)
	if err != nil || !r.Identical {
		t.Errorf("%+v, %v", r.Counts, err)
	}
}

func TestTypes(t *testing.T) {
	src := checkpointDir(t)
	for kind, want := range map[DType]string{F32: "F32", F16: "F16", BF16: "BF16", Source: "BF16"} {
		for _, name := range []string{"out.safetensors", "out.gguf"} {
			out := filepath.Join(t.TempDir(), name)
			r, err := File(t.Context(), src, out, Options{DType: kind})
			must(t, err)
			c, err := checkpoint.Open(t.Context(), out, checkpoint.Options{})
			must(t, err)
			if n := len(c.Tensors()); n != r.Tensors || c.Bytes() != r.Bytes {
				t.Errorf("%s %s: %d tensors, %d bytes, reported %+v", kind, name, n, c.Bytes(), r)
			}
			for _, tensor := range c.Tensors() {
				if len(tensor.Shape) == 2 && tensor.DType != want {
					t.Errorf("%s %s: %s is %s", kind, name, tensor.Name, tensor.DType)
				}
			}
			must(t, c.Close())
		}
	}
}

func TestRefused(t *testing.T) {
	src := checkpointDir(t)
	dir := t.TempDir()
	existing := filepath.Join(dir, "there.gguf")
	must(t, os.WriteFile(existing, []byte("mine"), 0o666))
	bare := filepath.Join(dir, "bare.safetensors")
	must(t, safetensors.Create(bare, []safetensors.Entry{safetensors.Float32("w", []int{2, 2}, make([]float32, 4))}, nil))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx       context.Context
		path, out string
		dtype     DType
		want      error
	}{
		{t.Context(), src, filepath.Join(dir, "o.onnx"), "", ErrFormat},
		{t.Context(), src, existing, "", ErrExists},
		{t.Context(), src, filepath.Join(dir, "o.gguf"), "int4", ErrDType},
		{t.Context(), bare, filepath.Join(dir, "o.gguf"), "", ErrUnsupported},
		{t.Context(), filepath.Join(dir, "absent"), filepath.Join(dir, "o.gguf"), "", fs.ErrNotExist},
		{t.Context(), src, filepath.Join(dir, "absent", "o.gguf"), "", fs.ErrNotExist},
		{cancelled, src, filepath.Join(dir, "o.safetensors"), "", context.Canceled},
	} {
		if _, err := File(c.ctx, c.path, c.out, Options{DType: c.dtype}); !errors.Is(err, c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s → %s: %v, want %v", c.path, c.out, err, c.want)
		}
	}
	if b, err := os.ReadFile(existing); string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestFloat16: numbers that float16 has not are not made infinite in silence.
func TestFloat16(t *testing.T) {
	dir := t.TempDir()
	for x, want := range map[float32]error{65519: nil, 65520: ErrDType, -1e6: ErrDType, float32(math.Inf(1)): nil} {
		src, out := filepath.Join(dir, "in.safetensors"), filepath.Join(dir, fmt.Sprint(x)+".safetensors")
		must(t, safetensors.Create(src, []safetensors.Entry{safetensors.Float32("w", []int{1, 2}, []float32{1, x})}, nil))
		if _, err := File(t.Context(), src, out, Options{DType: F16}); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", x, err, want)
		}
	}
}
