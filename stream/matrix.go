package stream

import (
	"context"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// Matrix is a matrix W [rows, cols] that vectors are multiplied by, however it is kept: a
// [Quantized], [Lattice] or [Lossless] file, streamed or resident, or [Dense] memory. All that a
// model asks of its weights is here. It is safe for concurrent use.
type Matrix interface {
	Rows() int
	Cols() int
	// RowsDot computes y[v] = W[a:b] @ x[v] for a batch of vectors: x holds vectors of
	// length Cols, y as many of length b−a, both row-major. It allocates nothing that
	// grows with the matrix. Errors are ErrShape, ErrBudget, those of reading, and the
	// context's.
	RowsDot(ctx context.Context, y, x []float32, a, b int) (Stats, error)
	// Floats writes the weights of rows [a, b) to dst, which has length (b−a)·Cols. Of a
	// streamed matrix only the blocks that hold those rows are read. Errors are RowsDot's.
	Floats(ctx context.Context, dst []float32, a, b int) error
	// Load makes the matrix resident, so that products read no file; one that is already,
	// it leaves. On an error (RowsDot's) the matrix is as it was.
	Load(ctx context.Context) error
	// ResidentBytes returns the memory that the matrix holds, 0 while it is streamed.
	ResidentBytes() int64
	// Describe tells what the matrix is, beyond what its products' Stats tell.
	Describe() Description
	// Close frees what the matrix holds, after the product that runs, if one does.
	Close() error
}

// Description says what a matrix is and how its products are checked.
type Description struct {
	// Format is FormatV1 or another of the formats.
	Format string
	// Exact tells weights that are what they were before they were stored here.
	Exact bool
	// Tensor and Path name the tensor and its file, empty for what lies in memory only.
	Tensor, Path string
	// Codec packs the file's blocks; empty for memory.
	Codec string
	// Verify says when blocks are checked; empty where there is nothing to check.
	Verify cdna.Policy
	// Sidecar tells whether outliers are applied and why.
	Sidecar Decision
	// Canon is the arithmetic of products X @ Wᵀ.
	Canon Canon
	// Kernels is the level of those that compute, such as "avx2".
	Kernels string
}

// The formats of matrices.
const (
	FormatV1       = "cdna_v1" // a file without blocks, and without hashes
	FormatV2       = "cdna_v2"
	FormatLossless = "lossless_v1"
	FormatLattice  = "lattice_v1"
	FormatDense    = "dense"
)

var _ = []Matrix{(*Quantized)(nil), (*Lattice)(nil), (*Lossless)(nil), (*Dense)(nil)}
