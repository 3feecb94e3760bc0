package convert

import (
	"context"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/model"
)

// Method names a way to compress a matrix, on the command line and in manifests.
type Method string

// Methods of codebooks are described in package codebook.
const (
	// Lattice rounds a matrix to integers with a step per column, chosen by the
	// activations that it meets (package lattice): the least error in a layer's output
	// at a rate. It needs the statistics of a calibration; matrices without them, such as
	// embeddings that are no output head, are stored by Entropy.
	Lattice = Method("lattice")
	Entropy = Method(codebook.Entropy)
	KMeans  = Method(codebook.KMeans)
	Uniform = Method(codebook.Uniform)
	// Lossless keeps matrices bit for bit, in lossless files: bfloat16 in about two thirds
	// of its size. It has no codebook, and so no rate, no ratio, no entries and no sidecar
	// to choose; NaN and infinities are kept like all else.
	Lossless = Method("lossless")
)

// methods are all there are, in the order of the help. A new one is a file with a storage
// and a line here; which options it takes, the table of options says.
var methods = []struct {
	name Method
	storage
}{
	{Lattice, inLattice{}},
	{Entropy, inCodebook{}},
	{KMeans, inCodebook{}},
	{Uniform, inCodebook{}},
	{Lossless, inLossless{}},
}

// Methods returns the names of all methods.
func Methods() []Method {
	names := make([]Method, len(methods))
	for i, m := range methods {
		names[i] = m.name
	}
	return names
}

// storage returns how the method stores a matrix, nil if there is none of that name.
func (m Method) storage() storage {
	for _, known := range methods {
		if known.name == m {
			return known.storage
		}
	}
	return nil
}

// storage is a way to store a tensor: by one of the methods, or exactly.
type storage interface {
	// format is the manifest's name of the files' format.
	format() string
	// files names the files of a tensor, those of a GGUF file as the original did; the
	// sidecar is empty where there never is one. What cannot be stored so is ErrDType.
	files(t *checkpoint.Tensor, names fileNames, ofGGUF bool) (file, sidecar string, err error)
	// memory is the most that storing the tensor with one worker holds, in bytes. Where the
	// size of all is given, a rate is chosen for the tensor, which is measured.
	memory(t *plannedTensor, sized bool) int64
	// estimate is about how many bytes the files take, overhead how many of them beside
	// what holds the weights.
	estimate(t *plannedTensor) float64
	overhead(t *plannedTensor) float64
	// store writes the staged files and describes them in entry, but for their hashes.
	// The report is nil where nothing was compressed.
	store(ctx context.Context, c *conversion, t *plannedTensor, entry *model.Tensor) (*MatrixReport, error)
}

// describe fills in what a manifest says of every compressed matrix.
func (r *MatrixReport) describe(entry *model.Tensor, shape []int) {
	entry.OriginalShape, entry.CDNAShape = shape, []int{r.Rows, r.Cols}
	entry.CompressedBytes = r.Bytes
	entry.CompressionRatio = float64(entry.OriginalBytes) / float64(r.Bytes)
	entry.Fidelity = &model.Fidelity{BitsPerWeight: r.BitsPerWeight, SNRdB: r.SNRdB, MSE: r.MSE, Cosine: r.Cosine, MaxAbsError: r.MaxAbsError, OutputSNRdB: r.OutputSNRdB, BitsInMemory: r.BitsInMemory}
}

// seal fills in the sums of a compressed matrix's file, which it closes.
func seal(ctx context.Context, entry *model.Tensor, f *cdna.Blocks) (err error) {
	defer f.Close()
	entry.HeadSHA256 = f.HeadSHA256()
	entry.BlockCRC32C, err = f.PackedSums(ctx)
	return err
}

// names joins names for a message: "a, b or c".
func names[T ~string](list []T) string {
	var b strings.Builder
	for i, name := range list {
		switch {
		case i == 0:
		case i == len(list)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(name))
	}
	return b.String()
}

// takes tells whether a method is among some; nil are all.
func takes(methods []Method, m Method) bool { return methods == nil || slices.Contains(methods, m) }
