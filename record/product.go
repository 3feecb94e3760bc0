package record

import (
	"cmp"
	"context"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/legacy"
	"github.com/helix-substrate/helix-substrate/se/route"
	"github.com/helix-substrate/helix-substrate/stream"
)

// Multiply computes Y = X @ W, or X @ Wᵀ, and makes the receipt of it in the original's
// schema. sidecar is the path of the outliers, only copied into it. Errors are those of
// its MatMul.
func Multiply(ctx context.Context, w stream.IndexedMatrix, x stream.Tensor, transpose bool, sidecar string) (stream.Tensor, *legacy.StreamXW, error) {
	product := w.MatMul
	if transpose {
		product = w.MatMulTransposed
	}
	start := startProduct()
	y, stats, err := product(ctx, x)
	if err != nil {
		return stream.Tensor{}, nil, err
	}
	r := start.receipt(w, x.Data, y.Data, stats)
	r.SidecarPath = sidecar
	if !transpose {
		r.Transpose, r.ProjectionMode, r.Kernel.Canon = false, "x_w", "" // always floats
	}
	return y, r, nil
}

// productStart is a product that is about to run.
type productStart struct{ rss int64 } // the memory in use

func startProduct() productStart {
	rss, _ := procmem.CurrentRSS()
	return productStart{rss}
}

// receipt returns the receipt of the product Y = X @ Wᵀ that ended now.
func (b productStart) receipt(w stream.Matrix, x, y []float32, s stream.Stats) *legacy.StreamXW {
	const mib = 1 << 20
	d := w.Describe()
	rss, _ := procmem.CurrentRSS()
	peak, _ := procmem.PeakRSS()
	full := float64(w.Rows()) * float64(w.Cols()) * 4
	blocks := make([]int, 0, s.LastBlock-s.FirstBlock)
	for i := s.FirstBlock; i < s.LastBlock; i++ {
		blocks = append(blocks, i)
	}
	mode := legacy.BlockStreaming
	switch {
	case s.ResidentBytes > 0:
		mode = legacy.Resident
	case d.Format == stream.FormatV1:
		mode = legacy.FullLoad
	}
	r := &legacy.StreamXW{
		Schema:             legacy.StreamXWSchema,
		WorkOrder:          "WO-STREAM-XW-01",
		CodecVersion:       d.Format,
		StreamingMode:      mode,
		Transpose:          true,
		ProjectionMode:     "x_wt",
		BlocksTouched:      blocks,
		BlocksVerified:     s.BlocksVerified,
		VerifyPolicy:       cmp.Or(string(d.Verify), "none"),
		SidecarApplied:     d.Sidecar.Apply,
		SidecarCorrections: s.Corrections,
		SidecarBasis:       d.Sidecar.Basis,
		SidecarSkipReason:  d.Sidecar.SkipReason,
		MinCosine:          d.Sidecar.MinCosine,
		ComputeProof:       proofOf(x, y),
		Memory: legacy.MemoryAudit{
			BuffersMB:     float64(s.BufferBytes) / mib,
			ResidentMB:    float64(s.ResidentBytes) / mib,
			FullWeightMB:  full / mib,
			SavingsFactor: full / float64(max(1, s.BufferBytes+s.ResidentBytes)),
		},
		DurationMS: milliseconds(s.Duration),
		Timing: legacy.StreamTiming{
			IndicesMS:    milliseconds(s.Read + s.Decompress),
			ReadMS:       milliseconds(s.Read),
			DecompressMS: milliseconds(s.Decompress),
			VerifyMS:     milliseconds(s.Verify),
			SidecarMS:    milliseconds(s.Sidecar),
			MatMulMS:     milliseconds(s.Compute),
		},
		Kernel:    legacy.Kernel{Used: d.Kernels != "generic", Level: d.Kernels, Workers: s.Workers},
		Timestamp: timestamp(),
		Status:    "PASS",
	}
	if d.Format == stream.FormatLattice {
		r.Kernel.Canon = string(d.Canon)
	}
	if !d.Exact { // what the original says of its own files
		r.TensorName, r.Path, r.Kernel.Codec = d.Tensor, d.Path, d.Codec
		r.Memory.RSSDeltaMB, r.Memory.PeakRSSMB = float64(max(0, rss-b.rss))/mib, float64(peak)/mib
		r.Timing.OtherMS = milliseconds(s.Other())
	}
	return r
}

// products notes the products of some matrices.
type products struct {
	routes map[string]route.Decision // by tensor
	list   []*legacy.StreamXW
}

// matrix returns what multiplies like w and leaves receipts.
func (p *products) matrix(name string, w stream.Matrix) stream.Matrix {
	return &recordedMatrix{Matrix: w, name: name, to: p}
}

// recordedMatrix is a matrix whose products leave receipts.
type recordedMatrix struct {
	stream.Matrix
	name string
	to   *products
}

func (m *recordedMatrix) RowsDot(ctx context.Context, y, x []float32, a, b int) (stream.Stats, error) {
	start := startProduct()
	stats, err := m.Matrix.RowsDot(ctx, y, x, a, b)
	if err != nil {
		return stats, err
	}
	r := start.receipt(m.Matrix, x, y, stats)
	if d, ok := m.to.routes[r.TensorName]; ok {
		r.Kernel.ExecutorWanted, r.Kernel.ExecutorUsed = string(d.Wanted), string(d.Used)
	}
	r.TensorName = cmp.Or(r.TensorName, m.name)
	if a > 0 || b < m.Rows() {
		r.Rows = []int{a, b}
	}
	m.to.list = append(m.to.list, r)
	return stats, nil
}

func proofOf(x, y []float32) legacy.ComputeProof {
	return legacy.ComputeProof{InputSHA256: receipt.HashFloat32(x), OutputSHA256: receipt.HashFloat32(y)}
}

// timestamp is now, as the original writes it.
func timestamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000000Z") }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
