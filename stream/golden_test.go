package stream

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/receipt"
)

const golden = "../../shared/golden"

type goldenProduct struct {
	File       string `json:"file"`
	Sidecar    string `json:"sidecar"`
	Transpose  bool   `json:"transpose_w"`
	X          string `json:"x"`
	Y64        string `json:"y64"`
	Y64Sidecar string `json:"y64_sidecar"`
	Receipt    struct {
		TensorName     string `json:"tensor_name"`
		CodecVersion   string `json:"codec_version"`
		StreamingMode  string `json:"streaming_mode"`
		Transpose      bool   `json:"transpose_w"`
		ProjectionMode string `json:"projection_mode"`
		BlocksTouched  []int  `json:"blocks_touched"`
		BlocksVerified int    `json:"blocks_verified"`
		SidecarApplied bool   `json:"sidecar_applied"`
		Corrections    int    `json:"sidecar_corrections"`
		ComputeProof   struct {
			Input string `json:"input_activation_sha256"`
		} `json:"compute_proof"`
		Memory struct {
			Full float64 `json:"full_weight_mb"`
		} `json:"memory_audit"`
		Status string `json:"status"`
	} `json:"receipt_sidecar"`
}

// TestGoldenProducts compares with the original's inputs and float64 truth.
func TestGoldenProducts(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(golden, "index.json"))
	if os.IsNotExist(err) {
		t.Skip("golden files are not beside the repository")
	} else if err != nil {
		t.Fatal(err)
	}
	var index map[string]json.RawMessage
	if err := json.Unmarshal(b, &index); err != nil {
		t.Fatal(err)
	}
	cases := 0
	for name, text := range index {
		if !strings.HasPrefix(name, "matmul/") {
			continue
		}
		cases++
		t.Run(name, func(t *testing.T) {
			var g goldenProduct
			if err := json.Unmarshal(text, &g); err != nil {
				t.Fatal(err)
			}
			g.run(t)
		})
	}
	if cases != 18 {
		t.Errorf("%d golden products, want 18", cases)
	}
}

func (g *goldenProduct) run(t *testing.T) {
	e := newTestEngine(t, 2)
	var x Tensor
	var err error
	if x.Data, x.Shape, err = npy.ReadFloat32(filepath.Join(golden, g.X)); err != nil {
		t.Fatal(err)
	}
	s, err := cdna.OpenSidecar(filepath.Join(golden, g.Sidecar))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sidecar *cdna.Sidecar
		truth   string
	}{{nil, g.Y64}, {s, g.Y64Sidecar}} {
		w, err := e.Open(filepath.Join(golden, g.File), MatrixOptions{Sidecar: c.sidecar})
		if err != nil {
			t.Fatal(err)
		}
		y, r := multiplyWithReceipt(t, w, x, g.Transpose)
		want, shape, err := npy.ReadFloat64(filepath.Join(golden, c.truth))
		if err != nil {
			t.Fatal(err)
		}
		if !equalShape(y.Shape, shape) {
			t.Errorf("shape %v, want %v", y.Shape, shape)
		}
		if d := relativeError(y.Data, want); d > 1e-6 {
			t.Errorf("sidecar %v: relative error %.2g, want at most 1e-6", c.sidecar != nil, d)
		}
		if c.sidecar != nil {
			g.compareReceipt(t, r)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

func (g *goldenProduct) compareReceipt(t *testing.T, r *receipt.StreamXW) {
	w := g.Receipt
	if r.TensorName != w.TensorName || r.CodecVersion != w.CodecVersion || r.StreamingMode != w.StreamingMode ||
		r.Transpose != w.Transpose || r.ProjectionMode != w.ProjectionMode || r.BlocksVerified != w.BlocksVerified ||
		r.SidecarApplied != w.SidecarApplied || r.SidecarCorrections != w.Corrections || r.Status != w.Status {
		t.Errorf("receipt %+v, the original's %+v", r, w)
	}
	if !equalShape(r.BlocksTouched, w.BlocksTouched) {
		t.Errorf("blocks touched %v, want %v", r.BlocksTouched, w.BlocksTouched)
	}
	if r.ComputeProof.InputSHA256 != w.ComputeProof.Input {
		t.Errorf("input hash %s, want %s", r.ComputeProof.InputSHA256, w.ComputeProof.Input)
	}
	if r.Memory.FullWeightMB != w.Memory.Full {
		t.Errorf("full weight %v MB, want %v", r.Memory.FullWeightMB, w.Memory.Full)
	}
}

func multiplyWithReceipt(t *testing.T, w *Matrix, x Tensor, transpose bool) (Tensor, *receipt.StreamXW) {
	t.Helper()
	recorder := w.Record("")
	if transpose {
		y, stats, err := w.MatMulTransposed(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		return y, recorder.MatMulTransposed(x, y, stats)
	}
	y, stats, err := w.MatMul(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	return y, recorder.MatMul(x, y, stats)
}

// relativeError is the largest difference in units of the largest true value.
func relativeError(got []float32, want []float64) float64 {
	var largest, difference float64
	for i, w := range want {
		largest = max(largest, math.Abs(w))
		difference = max(difference, math.Abs(float64(got[i])-w))
	}
	return difference / largest
}

func equalShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
