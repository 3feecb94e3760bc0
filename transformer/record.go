package transformer

import (
	"context"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
)

// recordedProjection leaves a receipt of every product in a layer's run. Products
// outside such runs know nothing of it.
type recordedProjection struct {
	Projection
	run *layerRun
}

func (p *recordedProjection) RowsDot(ctx context.Context, y, x []float32, a, b int) (stream.Stats, error) {
	var recorder *stream.Recorder
	compressed, ok := p.Projection.(*stream.Matrix)
	if ok {
		recorder = compressed.Record("")
	}
	stats, err := p.Projection.RowsDot(ctx, y, x, a, b)
	if err != nil {
		return stats, err
	}
	var r *receipt.StreamXW
	if ok {
		r = recorder.MatMulTransposed(stream.Tensor{Data: x}, stream.Tensor{Data: y}, stats)
	} else {
		r = p.dense(y, x, stats)
	}
	if a > 0 || b < p.Rows() {
		r.Rows = []int{a, b}
	}
	p.run.products = append(p.run.products, r)
	return stats, nil
}

// dense is the receipt of a product with exact weights: an uncompressed matrix, or a
// lossless one.
func (p *recordedProjection) dense(y, x []float32, s stream.Stats) *receipt.StreamXW {
	const mib = 1 << 20
	m := p.run.model
	place := m.place(p.Projection)
	full := float64(p.Rows()) * float64(p.Cols()) * 4
	codec, policy := "dense", "none"
	if _, ok := p.Projection.(*stream.Lossless); ok {
		codec, policy = model.FormatLossless, string(cdna.TrustCached)
	}
	mode, blocks := receipt.Resident, []int{}
	if s.ResidentBytes == 0 {
		mode = receipt.BlockStreaming
		for i := s.FirstBlock; i < s.LastBlock; i++ {
			blocks = append(blocks, i)
		}
	}
	return &receipt.StreamXW{
		Schema: receipt.StreamXWSchema, WorkOrder: "WO-STREAM-XW-01", TensorName: place.Name,
		CodecVersion: codec, StreamingMode: mode, Transpose: true, ProjectionMode: "x_wt",
		BlocksTouched: blocks, BlocksVerified: s.BlocksVerified, VerifyPolicy: policy, SidecarBasis: "none",
		ComputeProof: receipt.ComputeProof{InputSHA256: receipt.HashFloat32(x), OutputSHA256: receipt.HashFloat32(y)},
		Memory: receipt.MemoryAudit{
			BuffersMB: float64(s.BufferBytes) / mib, ResidentMB: float64(s.ResidentBytes) / mib,
			FullWeightMB: full / mib, SavingsFactor: full / float64(max(1, s.BufferBytes+s.ResidentBytes)),
		},
		DurationMS: milliseconds(s.Duration),
		Timing: receipt.StreamTiming{
			IndicesMS: milliseconds(s.Read + s.Decompress), ReadMS: milliseconds(s.Read), DecompressMS: milliseconds(s.Decompress),
			VerifyMS: milliseconds(s.Verify), MatMulMS: milliseconds(s.Compute),
		},
		Kernel:    receipt.Kernel{Used: m.CPU() != "generic", Level: m.CPU(), Workers: s.Workers},
		Timestamp: time.Now().UTC().Format(timestamp),
		Status:    "PASS",
	}
}

// place returns where a matrix lives.
func (m *Model) place(w Projection) Place {
	for _, p := range m.Plan.Matrices {
		if m.matrices[p.Name] == w {
			return p
		}
	}
	return Place{}
}

const timestamp = "2006-01-02T15:04:05.000000Z"

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
