package record

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/legacy"
	"github.com/helix-substrate/helix-substrate/stream"
)

const golden = "../../shared/golden"

// TestGoldenReceipts compares receipts of products with the original's.
func TestGoldenReceipts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(golden, "index.json"))
	if os.IsNotExist(err) {
		t.Skip("golden files are not beside the repository")
	} else if err != nil {
		t.Fatal(err)
	}
	var index map[string]json.RawMessage
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	engine, err := stream.NewEngine(stream.EngineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	cases := 0
	for name, entry := range index {
		if !strings.HasPrefix(name, "matmul/") {
			continue
		}
		cases++
		var g struct {
			File, Sidecar, X string
			Transpose        bool            `json:"transpose_w"`
			Receipt          legacy.StreamXW `json:"receipt_sidecar"`
		}
		if err := json.Unmarshal(entry, &g); err != nil {
			t.Fatal(err)
		}
		sidecar, err := cdna.OpenSidecar(filepath.Join(golden, g.Sidecar))
		if err != nil {
			t.Fatal(err)
		}
		m, err := engine.Open(filepath.Join(golden, g.File), stream.MatrixOptions{Sidecar: sidecar})
		if err != nil {
			t.Fatal(err)
		}
		var x stream.Tensor
		if x.Data, x.Shape, err = npy.ReadFloat32(filepath.Join(golden, g.X)); err != nil {
			t.Fatal(err)
		}
		_, r, err := Multiply(t.Context(), m, x, g.Transpose, g.Sidecar)
		if err != nil {
			t.Fatal(err)
		}
		w := g.Receipt
		if r.TensorName != w.TensorName || r.CodecVersion != w.CodecVersion || r.StreamingMode != w.StreamingMode ||
			r.Transpose != w.Transpose || r.ProjectionMode != w.ProjectionMode || r.BlocksVerified != w.BlocksVerified ||
			r.SidecarApplied != w.SidecarApplied || r.SidecarCorrections != w.SidecarCorrections || r.Status != w.Status || r.SidecarPath != g.Sidecar {
			t.Errorf("%s: %+v, the original's %+v", name, r, w)
		}
		if r.ComputeProof.InputSHA256 != w.ComputeProof.InputSHA256 || r.Memory.FullWeightMB != w.Memory.FullWeightMB {
			t.Errorf("%s: %+v, %+v; the original's %+v, %+v", name, r.ComputeProof, r.Memory, w.ComputeProof, w.Memory)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if cases != 18 {
		t.Errorf("%d golden products, want 18", cases)
	}
}

// TestResidentReceipt: what is held is no longer streamed.
func TestResidentReceipt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.cdna2.hxz")
	w, err := cdna.Create(path, cdna.WriterOptions{TensorName: "w", Rows: 4, Cols: 3, BlockRows: 2, Codebook: []float32{-1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write([]byte{0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	engine, err := stream.NewEngine(stream.EngineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	m, err := engine.Open(path, stream.MatrixOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x := stream.Tensor{Shape: []int{3}, Data: []float32{1, 2, 4}}
	for _, want := range []string{legacy.BlockStreaming, legacy.Resident} {
		y, r, err := Multiply(t.Context(), m, x, true, "")
		if err != nil {
			t.Fatal(err)
		}
		if resident := want == legacy.Resident; r.StreamingMode != want || (len(r.BlocksTouched) == 0) != resident || (r.Memory.ResidentMB > 0) != resident {
			t.Errorf("%s: %+v", want, r)
		}
		if r.ComputeProof != proofOf(x.Data, y.Data) || r.ComputeProof.OutputSHA256 != receipt.HashFloat32([]float32{-3, 3, -1, 1}) {
			t.Errorf("%s: %v, %+v", want, y.Data, r.ComputeProof)
		}
		if err := m.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestProductLimit: the limit of a product's process ends with it, also where it is too small.
func TestProductLimit(t *testing.T) {
	dir := t.TempDir()
	p := &Product{X: filepath.Join(dir, "x.npy"), W: filepath.Join(dir, "w.cdna")}
	err := errors.Join(
		npy.Create(p.X, []int{2, 3}, make([]float32, 6)),
		cdna.CreateV1(p.W, 3, 4, []float32{1, 2}, make([]byte, 12)))
	if err != nil {
		t.Fatal(err)
	}
	before := debug.SetMemoryLimit(-1)
	for _, c := range []struct {
		memory int64
		want   error
	}{{1 << 30, nil}, {1 << 20, memory.ErrLimit}} {
		p.Memory = c.memory
		if _, err := p.Run(t.Context(), nil); !errors.Is(err, c.want) {
			t.Errorf("%d bytes: %v", c.memory, err)
		}
		if after := debug.SetMemoryLimit(-1); after != before {
			t.Errorf("the collector was left with a limit of %d, not %d", after, before)
		}
	}
}
