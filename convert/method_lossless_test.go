package convert

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/model"
)

// special are 8 bytes that hold NaNs with payloads, infinities, subnormals and
// negative zeros of every float type.
var special = []byte{0x01, 0x00, 0xc0, 0xff, 0x00, 0x80, 0x81, 0x7f}

// TestLosslessDirectory converts matrices of every float type and reads their bytes
// back.
func TestLosslessDirectory(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "src.safetensors")
	kinds := []dtype.Type{dtype.F64, dtype.F32, dtype.F16, dtype.BF16, dtype.F8E4M3, dtype.F8E5M2}
	raw := map[string][]byte{}
	var entries []safetensors.Entry
	for _, k := range kinds {
		name := "m." + string(k)
		raw[name] = bytes.Repeat(special, 6*k.Size())
		entries = append(entries, safetensors.Entry{Name: name, DType: k, Shape: []int{2, 3, 8}, Data: raw[name]})
	}
	entries = append(entries,
		safetensors.Float32("norm", []int{3}, []float32{1, 2, 3}),
		safetensors.Entry{Name: "ids", DType: dtype.I64, Shape: []int{1, 1}, Data: make([]byte, 8)})
	create(t, src, entries...)

	var manifests [][]byte
	for _, o := range []Options{{Method: Lossless}, {Method: Lossless, Threads: 3}} {
		out := filepath.Join(t.TempDir(), "out")
		report, err := Directory(t.Context(), Job{Source: src, Output: out, Options: o})
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		checks, err := m.Verify(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range checks {
			if c.Err != nil {
				t.Error(c.Err)
			}
		}
		if m.Manifest.Format != model.FormatLossless || m.Manifest.Options["method"] != "lossless" || m.Manifest.Options["bf16_codebook"] != nil {
			t.Errorf("%+v", m.Manifest)
		}
		for name, want := range raw {
			e := m.Manifest.Tensors[name]
			if e.Format != model.FormatLossless || e.DType != e.SourceDType || e.Fidelity == nil || e.Fidelity.SNRdB != nil {
				t.Errorf("%+v", e)
			}
			f, err := m.OpenLossless(context.Background(), e)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want))
			if err := f.ReadRows(context.Background(), got, 0, f.Rows(), nil); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %v", name, err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		for _, name := range []string{"norm", "ids"} {
			if e := m.Manifest.Tensors[name]; e.Format != model.FormatNPY {
				t.Errorf("%s: %+v", name, e)
			}
		}
		for _, r := range report.Tensors {
			if r.Matrix != nil && (r.Matrix.SNRdB != nil || r.Matrix.Missed() || r.Matrix.Blocks != 1) {
				t.Errorf("%+v", r.Matrix)
			}
		}
		b, err := os.ReadFile(filepath.Join(out, model.ManifestName))
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, b)
	}
	if !bytes.Equal(manifests[0], manifests[1]) {
		t.Error("the output depends on the threads")
	}
}

func TestLosslessRefuses(t *testing.T) {
	dir := t.TempDir()
	quantized := filepath.Join(dir, "q.gguf")
	err := gguf.Create(quantized, []gguf.Entry{{Name: "w", Type: gguf.Q8_0, Shape: []int{1, 32}, Data: make([]byte, 34)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	job := Job{Source: quantized, Output: filepath.Join(dir, "out"), Options: Options{Method: Lossless}}
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrDType) {
		t.Errorf("quantized tensor: %v", err)
	}
	if _, err := Plan(t.Context(), job); !errors.Is(err, ErrDType) {
		t.Errorf("plan: %v", err)
	}
	for _, o := range []Options{{SNR: 30}, {Bits: 4}, {Entries: 9}, {FullPrecision: true}} {
		o.Method = Lossless
		if _, err := Directory(t.Context(), Job{Source: quantized, Output: filepath.Join(dir, "out"), Options: o}); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	src, err := matrix.NewSlice(make([]float32, 4), 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Matrix(t.Context(), src, Target{Name: "w", File: filepath.Join(dir, "w")}, Options{Method: Lossless}); !errors.Is(err, ErrOption) {
		t.Errorf("Matrix: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("broken")
	m := RawMatrix{DType: dtype.F32, Rows: 2, Cols: 2, ReadRaw: func(context.Context, []byte, int64) error { return broken }}
	if _, err := LosslessMatrix(ctx, m, "w", filepath.Join(dir, "w"), Options{Method: Lossless}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := LosslessMatrix(t.Context(), m, "w", filepath.Join(dir, "w"), Options{Method: Lossless}); !errors.Is(err, broken) {
		t.Error(err)
	}
	m.DType = dtype.I32
	if _, err := LosslessMatrix(t.Context(), m, "w", filepath.Join(dir, "w"), Options{Method: Lossless}); !errors.Is(err, ErrDType) {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestDecodeLossless writes .npy files: float16 and wider as they are, bfloat16
// widened.
func TestDecodeLossless(t *testing.T) {
	for kind, as := range map[dtype.Type]dtype.Type{dtype.F64: dtype.F64, dtype.F16: dtype.F16, dtype.BF16: dtype.F32, dtype.F8E5M2: dtype.F32} {
		const rows, cols = 70, 4
		raw := bytes.Repeat([]byte{0, 0x3c, 0x80, 0x3f, 1, 0x40, 0, 0xc0}, rows*cols*kind.Size()/8)
		m := RawMatrix{DType: kind, Rows: rows, Cols: cols, ReadRaw: func(_ context.Context, dst []byte, at int64) error { copy(dst, raw[at:]); return nil }}
		path := filepath.Join(t.TempDir(), "w")
		report, err := LosslessMatrix(t.Context(), m, "w", path, Options{Method: Lossless, BlockRows: 32})
		if err != nil || report.Blocks != 3 || report.BlockRows != 32 {
			t.Fatalf("%+v, %v", report, err)
		}
		f := mustOpenLossless(t, path)
		var out bytes.Buffer
		if got, err := DecodeLossless(t.Context(), &out, f); err != nil || got != as {
			t.Fatalf("%s: %s, %v", kind, got, err)
		}
		r, err := npy.NewReader(context.Background(), bytes.NewReader(out.Bytes()), int64(out.Len()), "out")
		if err != nil || r.Type() != as {
			t.Fatal(err)
		}
		want, got := make([]float32, rows*cols), make([]float32, rows*cols)
		dtype.Decode(want, raw, kind)
		if err := r.ReadFloat32(context.Background(), got, 0); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: element %d is %v, want %v", kind, i, got[i], want[i])
			}
		}
	}
}

func mustOpenLossless(t *testing.T, path string) *cdna.Lossless {
	t.Helper()
	f, err := cdna.OpenLossless(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
