package stream

import "github.com/helix-substrate/helix-substrate/cdna"

// Layout is what a matrix on disk takes, in its file and in memory: all that a plan
// needs to know of it. Each kind of file makes its own.
type Layout struct {
	Name           string // of the file
	Rows, Cols     int
	Blocks         int
	FileBytes      int64
	BlockBytes     int   // the largest block in the file
	PackedBuffer   int   // bytes to read a block into, 0 if it is read to where it is used
	UnpackedBuffer int   // bytes that a block takes to be multiplied
	ResidentBytes  int64 // that the matrix takes, were it resident
	Scaled         bool  // of a lattice matrix, whose products scale vectors
	Escaped        int   // its columns that have escapes
	// Used, if not 0, is the share of the rows that a round of products uses, such as those of the experts that a token gets.
	Used float64
	// ExpertBytes, if not 0, is the most that an expert of the matrix takes in an ExpertCache.
	ExpertBytes int64
	HeapBytes   int64 // that it takes of the Go heap in any case, beyond its file's head and any outliers
}

// blockLayout is what all files of blocks have in common.
func blockLayout(f *cdna.Blocks) Layout {
	l := Layout{
		Name: f.Name(), Rows: f.Rows(), Cols: f.Cols(), Blocks: f.NumBlocks(),
		FileBytes: f.Size(), BlockBytes: f.MaxCompLen(), UnpackedBuffer: f.MaxBlockLen(),
	}
	if !f.Stored() {
		l.PackedBuffer = l.BlockBytes
	}
	return l
}

// QuantizedLayout returns the layout of the matrix in a CDNA file.
func QuantizedLayout(f *cdna.File) Layout {
	l := blockLayout(&f.Blocks)
	l.ResidentBytes = int64(residentSize(f.Rows(), f.Cols(), residentBits(f.Entries())))
	return l
}

// LatticeLayout returns the layout of the matrix in a lattice file.
func LatticeLayout(f *cdna.Lattice) Layout {
	l := blockLayout(&f.Blocks)
	l.ResidentBytes = f.PackedBytes()
	l.Scaled, l.Escaped = true, len(escapedColumns(f))
	l.HeapBytes = f.ColumnBytes()
	if n := int64(len(f.Escapes())); n > 0 {
		const column, scale, place, delta = 4, 4, 4, 4
		l.HeapBytes += (column+scale+place)*int64(l.Escaped) + (column+delta)*n + 4*(int64(f.Rows())+1)
	}
	return l
}

// ScaledBytes returns the memory outside the Go heap that a product X @ W of a batch of vectors takes for what it scales
// and sums apart: corrections of so many outliers, and the vectors of lattice matrices.
func (l Layout) ScaledBytes(batch int64, outliers int) int64 {
	in, out := 4*batch*int64(l.Rows), 4*batch*int64(l.Cols)
	switch {
	case l.Scaled:
		return in + out + 4*batch*int64(l.Escaped)
	case outliers > 0:
		return out
	}
	return 0
}

// LosslessLayout returns the layout of the matrix in a lossless file.
func LosslessLayout(f *cdna.Lossless) Layout {
	l := blockLayout(&f.Blocks)
	l.UnpackedBuffer += widenedSize(f)
	l.ResidentBytes = l.Weights() * int64(denseWidth(f.DType()))
	return l
}

// Weights returns the number of weights.
func (l Layout) Weights() int64 { return int64(l.Rows) * int64(l.Cols) }

// used is how many of them a round of products uses.
func (l *Layout) used() float64 {
	if l.Used == 0 {
		return float64(l.Weights())
	}
	return l.Used * float64(l.Weights())
}

// SidecarBytes returns the bytes of the Go heap that the matrix takes for its outliers:
// exact positions and values, for [Quantized.Floats], and corrections.
func (l Layout) SidecarBytes(outliers int) int64 {
	const position, value, column, delta = 8, 2, 4, 4
	return (position+value+column+delta)*int64(outliers) + 4*(int64(l.Rows)+1) + 4*min(int64(l.Cols), int64(outliers)) + int64(l.Blocks)
}
