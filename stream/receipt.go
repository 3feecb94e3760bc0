package stream

import (
	"time"

	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// Recorder makes the receipts of a matrix's products.
type Recorder struct {
	m           *Matrix
	sidecarPath string
	rssBefore   int64
}

// Record starts a receipt: it notes the memory in use now. sidecarPath is only
// copied into the receipt.
func (m *Matrix) Record(sidecarPath string) *Recorder {
	rss, _ := procmem.CurrentRSS()
	return &Recorder{m: m, sidecarPath: sidecarPath, rssBefore: rss}
}

// MatMul returns the receipt of the product Y = X @ W that returned y and s.
func (r *Recorder) MatMul(x, y Tensor, s Stats) *receipt.StreamXW {
	rec := r.receipt(x, y, s)
	rec.ProjectionMode = "x_w"
	return rec
}

// MatMulTransposed returns the receipt of the product Y = X @ Wᵀ that returned y and s.
func (r *Recorder) MatMulTransposed(x, y Tensor, s Stats) *receipt.StreamXW {
	rec := r.receipt(x, y, s)
	rec.ProjectionMode, rec.Transpose = "x_wt", true
	return rec
}

func (r *Recorder) receipt(x, y Tensor, s Stats) *receipt.StreamXW {
	m := r.m
	const mib = 1 << 20
	rss, _ := procmem.CurrentRSS()
	peak, _ := procmem.PeakRSS()
	full := float64(m.Rows()) * float64(m.Cols()) * 4
	blocks := make([]int, 0, s.LastBlock-s.FirstBlock)
	for i := s.FirstBlock; i < s.LastBlock; i++ {
		blocks = append(blocks, i)
	}
	rec := &receipt.StreamXW{
		Schema:             receipt.StreamXWSchema,
		WorkOrder:          "WO-STREAM-XW-01",
		TensorName:         m.file.Header().TensorName,
		Path:               m.file.Name(),
		CodecVersion:       "cdna_v2",
		StreamingMode:      receipt.BlockStreaming,
		BlocksTouched:      blocks,
		BlocksVerified:     s.BlocksVerified,
		VerifyPolicy:       string(m.policy),
		SidecarApplied:     m.decision.Apply,
		SidecarPath:        r.sidecarPath,
		SidecarCorrections: s.Corrections,
		SidecarBasis:       m.decision.Basis,
		SidecarSkipReason:  m.decision.SkipReason,
		MinCosine:          m.decision.MinCosine,
		ComputeProof: receipt.ComputeProof{
			InputSHA256:  receipt.HashFloat32(x.Data),
			OutputSHA256: receipt.HashFloat32(y.Data),
		},
		Memory: receipt.MemoryAudit{
			RSSDeltaMB:    float64(max(0, rss-r.rssBefore)) / mib,
			PeakRSSMB:     float64(peak) / mib,
			BuffersMB:     float64(s.BufferBytes) / mib,
			ResidentMB:    float64(s.ResidentBytes) / mib,
			FullWeightMB:  full / mib,
			SavingsFactor: full / float64(max(1, s.BufferBytes+s.ResidentBytes)),
		},
		DurationMS: milliseconds(s.Duration),
		Timing: receipt.StreamTiming{
			IndicesMS:    milliseconds(s.Read + s.Decompress),
			ReadMS:       milliseconds(s.Read),
			DecompressMS: milliseconds(s.Decompress),
			VerifyMS:     milliseconds(s.Verify),
			SidecarMS:    milliseconds(s.Sidecar),
			MatMulMS:     milliseconds(s.Compute),
			OtherMS:      milliseconds(s.Other()),
		},
		Kernel:    m.kernel(s.Workers),
		Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"),
		Status:    "PASS",
	}
	if m.file.Version() == 1 {
		rec.CodecVersion, rec.StreamingMode = "cdna_v1", receipt.FullLoad
	}
	if s.ResidentBytes > 0 {
		rec.StreamingMode = receipt.Resident
	}
	return rec
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// kernel says what computed a product.
func (m *Matrix) kernel(workers int) receipt.Kernel {
	k := receipt.Kernel{Used: m.engine.CPU() != "generic", Level: m.engine.CPU(), Codec: m.file.Header().Encoding, Workers: workers}
	if m.route != nil {
		k.ExecutorWanted, k.ExecutorUsed = string(m.route.Wanted), string(m.route.Used)
	}
	return k
}
