package legacy

import "github.com/helix-substrate/helix-substrate/receipt"

// StreamXWSchema names the receipt of a product with a compressed matrix.
const StreamXWSchema = "stream_xw_receipt_v1"

// Streaming modes of a product.
const (
	// BlockStreaming read the matrix block by block and never held it whole.
	BlockStreaming = "true_block_streaming"
	// Resident multiplied by indices that were in memory already, verified when they
	// were loaded.
	Resident = "resident"
	// FullLoad held all indices in memory: a version 1 file has no blocks.
	FullLoad = "full_load_fallback"
)

// StreamXW is the receipt of one product Y = X @ W or Y = X @ Wᵀ.
type StreamXW struct {
	Schema             string              `json:"schema"`
	WorkOrder          string              `json:"work_order"`
	TensorName         string              `json:"tensor_name"`
	Path               string              `json:"cdna_path"`
	CodecVersion       string              `json:"codec_version"` // "cdna_v1", "cdna_v2" or "dense"
	StreamingMode      string              `json:"streaming_mode"`
	Transpose          bool                `json:"transpose_w"`
	Rows               []int               `json:"rows,omitempty"`  // [first, last) of W, if not all were used
	ProjectionMode     string              `json:"projection_mode"` // "x_w" or "x_wt"
	BlocksTouched      []int               `json:"blocks_touched"`
	BlocksVerified     int                 `json:"blocks_verified"`
	VerifyPolicy       string              `json:"verify_policy"`
	SidecarApplied     bool                `json:"sidecar_applied"`
	SidecarPath        string              `json:"sidecar_path,omitempty"`
	SidecarCorrections int                 `json:"sidecar_corrections"`
	SidecarBasis       string              `json:"sidecar_basis"`
	SidecarSkipReason  string              `json:"sidecar_skip_reason,omitempty"`
	MinCosine          float64             `json:"min_cosine,omitempty"`
	ComputeProof       ComputeProof        `json:"compute_proof"`
	Memory             MemoryAudit         `json:"memory_audit"`
	DurationMS         float64             `json:"duration_ms"`
	Timing             StreamTiming        `json:"timing_breakdown"`
	Kernel             Kernel              `json:"native_kernel"`
	Comparison         *receipt.Comparison `json:"compare_vs_canonical,omitempty"`
	Timestamp          string              `json:"timestamp"`
	Status             string              `json:"status"` // "PASS"; a product that fails returns an error and no receipt
}

// ComputeProof holds the SHA-256, in hex, of X and Y as little-endian float32 bytes.
type ComputeProof struct {
	InputSHA256  string `json:"input_activation_sha256"`
	OutputSHA256 string `json:"output_activation_sha256"`
}

// MemoryAudit tells what a product held. One MB is 2^20 bytes.
type MemoryAudit struct {
	RSSDeltaMB    float64 `json:"rss_delta_mb"`       // growth of the process over the product
	PeakRSSMB     float64 `json:"peak_rss_mb"`        // highest of the process's life, 0 if unknown
	LimitMB       float64 `json:"limit_mb,omitempty"` // asked for with --memory
	BuffersMB     float64 `json:"buffers_mb"`         // block buffers and corrections, exact
	ResidentMB    float64 `json:"resident_mb"`        // W's indices, if they are held
	FullWeightMB  float64 `json:"full_weight_mb"`     // W as float32
	SavingsFactor float64 `json:"savings_factor"`     // full weight / (buffers + resident)
}

// StreamTiming splits a product's time in milliseconds, summed over its workers.
// The kernels look weights up while multiplying, so t_dequant_ms is 0.
type StreamTiming struct {
	IndicesMS    float64 `json:"t_indices_ms"` // read and decompress
	ReadMS       float64 `json:"t_read_ms"`
	DecompressMS float64 `json:"t_decompress_ms"`
	VerifyMS     float64 `json:"t_verify_ms"`
	DequantMS    float64 `json:"t_dequant_ms"`
	SidecarMS    float64 `json:"t_sidecar_ms"`
	MatMulMS     float64 `json:"t_matmul_ms"`
	OtherMS      float64 `json:"t_other_ms"`
}

// Kernel tells which code ran.
type Kernel struct {
	Used    bool   `json:"used"`  // assembly, not the portable twin
	Level   string `json:"level"` // such as "avx2"
	Codec   string `json:"codec"`
	Workers int    `json:"workers"`
	Canon   string `json:"canon,omitempty"` // of a lattice matrix: "int8" or "f32"
	// Where the matrix's Structural Entropy asked for, and where it was computed; absent
	// if it was not measured.
	ExecutorWanted string `json:"executor_wanted,omitempty"`
	ExecutorUsed   string `json:"executor_used,omitempty"`
}

// Operation returns what an execution receipt says of a product.
func (r *StreamXW) Operation() receipt.Operation {
	const mib = 1 << 20
	return receipt.Operation{
		Name: receipt.OpMatMul, TimingMS: receipt.Float(r.DurationMS), MemoryBytes: int64((r.Memory.BuffersMB + r.Memory.ResidentMB) * mib),
		Proof:    r.ComputeProof.proof(),
		Outliers: r.SidecarCorrections, Status: receipt.StatusOK, TensorName: r.TensorName,
		Hygiene: &receipt.Hygiene{Codec: r.CodecVersion, Mode: r.StreamingMode},
	}
}

func (p ComputeProof) proof() receipt.Proof {
	return receipt.Proof{Input: p.InputSHA256, Output: p.OutputSHA256}
}
