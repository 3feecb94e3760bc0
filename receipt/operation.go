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
	Mode  string `json:"streaming_mode"` // such as BlockStreaming
}

// Operation returns what an execution receipt says of a product.
func (r *StreamXW) Operation() Operation {
	const mib = 1 << 20
	return Operation{
		Name: OpMatMul, TimingMS: Float(r.DurationMS), MemoryBytes: int64((r.Memory.BuffersMB + r.Memory.ResidentMB) * mib),
		Proof:    Proof{r.ComputeProof.InputSHA256, r.ComputeProof.OutputSHA256},
		Outliers: r.SidecarCorrections, Status: StatusOK, TensorName: r.TensorName,
		Hygiene: &Hygiene{r.CodecVersion, r.StreamingMode},
	}
}

// Operations returns what an execution receipt says of an attention layer: the layer,
// then its products.
func (a *Attention) Operations() []Operation { return a.operations(OpAttention, a.Projections) }

// Operations is [Attention.Operations] for a feed-forward layer.
func (f *FFN) Operations() []Operation { return f.operations(OpFFN, f.Projections) }

// Operations returns the block, then its two layers' operations.
func (b *Block) Operations() []Operation {
	list := b.operations(OpBlock, nil)
	return append(append(list, b.Attention.Operations()...), b.FFN.Operations()...)
}

func (r *LayerRun) operations(name string, projections []*StreamXW) []Operation {
	list := []Operation{{
		Name: name, TimingMS: Float(r.DurationMS), Proof: Proof{r.ComputeProof.InputSHA256, r.ComputeProof.OutputSHA256},
		Elements: int64(r.Tokens) * int64(r.Hidden), Status: StatusOK,
	}}
	for _, p := range projections {
		list = append(list, p.Operation())
	}
	return list
}
