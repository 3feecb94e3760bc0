package receipt

import "fmt"

// DecodeClaims say what weights came out of a compressed matrix.
type DecodeClaims struct {
	Operation string        `json:"operation"` // OpDecode
	Matrix    MatrixClaim   `json:"matrix"`
	Sidecar   *SidecarClaim `json:"sidecar,omitempty"`
	Weights   ArrayClaim    `json:"weights"`
}

// MatMulClaims say what a product with a compressed matrix gave.
type MatMulClaims struct {
	Operation string        `json:"operation"` // OpMatMul
	Matrix    MatrixClaim   `json:"matrix"`
	Sidecar   *SidecarClaim `json:"sidecar,omitempty"`
	Transpose bool          `json:"transpose_w"`          // Y = X @ Wᵀ, else X @ W
	Quality   string        `json:"quality,omitempty"`    // with MinCosine, when a sidecar applies
	MinCosine Float         `json:"min_cosine,omitempty"` // docs/RECEIPTS.md
	Canon     string        `json:"canon,omitempty"`      // as in GenerationClaims
	Verify    string        `json:"verify,omitempty"`     // as in GenerationClaims
	X         ArrayClaim    `json:"x"`
	Y         ArrayClaim    `json:"y"`
}

// ForwardClaims say what logits a model gave for some tokens, read as one sequence.
type ForwardClaims struct {
	Operation    string     `json:"operation"` // OpForward
	Model        ModelClaim `json:"model"`
	Context      int        `json:"context"` // rotary embeddings may depend on it
	CacheType    string     `json:"cache_type"`
	Canon        string     `json:"canon,omitempty"`         // as in GenerationClaims
	CanonVersion int        `json:"canon_version,omitempty"` // as there
	Verify       string     `json:"verify,omitempty"`        // as in GenerationClaims
	TokenIDs     []int      `json:"token_ids"`
	LogitsSHA256 []string   `json:"logits_sha256"` // of those that follow each token, as little-endian float32
}

// LayerClaims say what a layer of a model made of some vectors.
type LayerClaims struct {
	Operation    string     `json:"operation"` // OpAttention, OpFFN or OpBlock
	Model        ModelClaim `json:"model"`
	Context      int        `json:"context"`                 // rotary embeddings may depend on it; of an FFN, 0
	CacheType    string     `json:"cache_type"`              // of an FFN, ""
	Canon        string     `json:"canon,omitempty"`         // as in GenerationClaims
	CanonVersion int        `json:"canon_version,omitempty"` // as there
	Verify       string     `json:"verify,omitempty"`
	Layer        int        `json:"layer"`
	Start        int        `json:"start_pos"` // of the first vector
	X            ArrayClaim `json:"x"`
	Y            ArrayClaim `json:"y"`
}

// VerifyClaims say what a verification found.
type VerifyClaims struct {
	Operation string   `json:"operation"`                // OpVerify
	Kind      string   `json:"kind"`                     // "model" or "file"
	SHA256    string   `json:"root_sha256"`              // of a model, as its manifest states it; of a file, its SHA-256
	Content   string   `json:"content_sha256,omitempty"` // of a model, as it is: see ModelClaim
	Rebuilt   bool     `json:"rebuilt,omitempty"`        // every file was made again from the source, and compared
	Checked   int      `json:"checked"`                  // tensors and files
	Blocks    int      `json:"blocks"`
	Damaged   []string `json:"damaged"` // by name
}

// EntropyClaims say what was measured of a model's matrices.
type EntropyClaims struct {
	Operation string          `json:"operation"` // OpSE
	Estimator string          `json:"estimator"`
	Seed      uint64          `json:"seed"`
	Policy    any             `json:"policy"`
	Tensors   []EntropyTensor `json:"tensors"`
}

// EntropyTensor is one matrix: its measurements and the decision, as JSON has them.
// SHA256 is a compressed matrix's fingerprint, or of the tensor's bytes at its source.
type EntropyTensor struct {
	Name     string `json:"name"`
	SHA256   string `json:"sha256"`
	Sidecar  string `json:"sidecar_sha256,omitempty"`
	Measured any    `json:"measured"`
	Wanted   string `json:"wanted"`
	Zone     int    `json:"zone"`
}

// MatrixClaim names a compressed matrix: SHA256 is cdna.File.Fingerprint, which stands
// for all its bytes.
type MatrixClaim struct {
	TensorName string `json:"tensor_name"`
	Shape      []int  `json:"shape"` // [rows, cols]
	SHA256     string `json:"sha256"`
}

// SidecarClaim names a matrix's outliers by the file's hash, and says how many there
// were.
type SidecarClaim struct {
	SHA256      string `json:"sha256"`
	Applied     bool   `json:"applied"`
	Corrections int    `json:"corrections"`
}

// Operation records that the sidecar took part in an operation with the given output,
// by its hash.
func (s *SidecarClaim) Operation(tensor, output string) Operation {
	return Operation{
		Name: OpSidecar, TensorName: tensor, Elements: int64(s.Corrections), Outliers: s.Corrections,
		Proof: Proof{Input: s.SHA256, Output: output},
	}
}

// ArrayClaim names float32 values by the SHA-256 of their little-endian bytes.
type ArrayClaim struct {
	Shape  []int  `json:"shape"`
	SHA256 string `json:"sha256"`
}

// DecodeClaims reads the claims of an operation into a struct of its type, such as
// *GenerationClaims. Receipts of other operations are ErrSchema.
func (e *Execution) DecodeClaims(operation string, claims any) error {
	if got := e.Operation(); got != operation {
		return fmt.Errorf("%w: the claims are about %q, not %q", ErrSchema, got, operation)
	}
	if err := Unmarshal(e.Claims, claims); err != nil {
		return fmt.Errorf("%w: claims: %v", ErrInvalid, err)
	}
	return nil
}
