package receipt

// The names of operations. The first three are the Python original's.
const (
	OpDecode    = "cdna_decode"
	OpSidecar   = "sidecar_apply"
	OpMatMul    = "stream_xw_matmul"
	OpAttention = "attention"
	OpFFN       = "ffn"
	OpBlock     = "transformer_block"
	OpForward   = "forward"
	OpGenerate  = "generate"
	OpConvert   = "convert"
	OpVerify    = "verify"
	OpSE        = "structural_entropy"
)

// Status of an operation.
const (
	StatusOK   = "OK"
	StatusWarn = "WARN"
	StatusFail = "FAIL"
)

// Operation is one operation of a run: what went in and came out, by SHA-256, what it
// took, and what it made of it. What does not apply is null, 0 or absent.
type Operation struct {
	Name        string   `json:"op_name"`
	TimingMS    Float    `json:"timing_ms"`
	MemoryBytes int64    `json:"memory_bytes"`
	Proof       Proof    `json:"compute_proof"`
	MSE         *Float   `json:"mse_vs_baseline"`
	MaxError    *Float   `json:"max_error"`
	Cosine      *Float   `json:"cosine_similarity"`
	Elements    int64    `json:"elements_processed"`
	Outliers    int      `json:"outliers_applied"`
	Tensors     int      `json:"tensors_decoded"`
	Status      string   `json:"status"`
	Warnings    []string `json:"warnings"`
	Error       *string  `json:"error_message"`
	TensorName  string   `json:"tensor_name,omitempty"`
	Hygiene     *Hygiene `json:"claim_hygiene,omitempty"`
}

// Proof holds the SHA-256, in hex, of what went in and what came out.
type Proof struct {
	Input  string `json:"input_sha256"`
	Output string `json:"output_sha256"`
}

// Hygiene says of what kind a matrix was and how it was read.
type Hygiene struct {
	Codec string `json:"codec_version"`  // "cdna_v1", "cdna_v2" or "dense"
	Mode  string `json:"streaming_mode"` // such as legacy.BlockStreaming
}
