package stream

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/npy"
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
		BlocksTouched  []int  `json:"blocks_touched"`
		BlocksVerified int    `json:"blocks_verified"`
		SidecarApplied bool   `json:"sidecar_applied"`
		Corrections    int    `json:"sidecar_corrections"`
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
		y, stats := multiply(t, w, x, g.Transpose)
		want, shape, err := readFloat64(filepath.Join(golden, c.truth))
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
			g.compare(t, w, stats)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

// readFloat64 reads an array of float64.
func readFloat64(path string) (data []float64, shape []int, err error) {
	r, err := npy.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	raw := make([]byte, 8*r.Len())
	if err := r.ReadRaw(context.Background(), raw, 0); err != nil || r.Type() != dtype.F64 {
		return nil, nil, fmt.Errorf("%s: %s, %v", path, r.Type(), err)
	}
	data = make([]float64, r.Len())
	_, err = binary.Decode(raw, binary.LittleEndian, data)
	return data, r.Shape(), err
}

// compare compares what is told of a product with the original's receipt.
func (g *goldenProduct) compare(t *testing.T, m *Quantized, s Stats) {
	w, d := g.Receipt, m.Describe()
	if d.Tensor != w.TensorName || d.Format != w.CodecVersion || s.LastBlock-s.FirstBlock != len(w.BlocksTouched) ||
		s.BlocksVerified != w.BlocksVerified || d.Sidecar.Apply != w.SidecarApplied || s.Corrections != w.Corrections {
		t.Errorf("%+v, %+v, the original's receipt %+v", d, s, w)
	}
}

func multiply(t *testing.T, w *Quantized, x Tensor, transpose bool) (Tensor, Stats) {
	t.Helper()
	product := w.MatMul
	if transpose {
		product = w.MatMulTransposed
	}
	y, stats, err := product(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	return y, stats
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
