package cdna

import (
	"context"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// LatticeSuffix is the usual ending of a lattice file's name.
const LatticeSuffix = ".lattice.hxz"

const schemaLattice = "cdna_lattice_v1"

// LatticeZero is the code of the integer 0: a code is an integer of -128 … 127 and LatticeZero.
const LatticeZero = 128

// LatticeMatrix is the matrix diag(t)·Z·diag(s) in memory: Z integers, s one step per column, t one scale per row.
type LatticeMatrix struct {
	Rows, Cols  int
	Codes       []byte    // [Rows·Cols] row-major, z + LatticeZero; LatticeZero where an escape stands
	Escapes     []Escape  // ascending positions: every z that -128 … 127 does not hold
	ColumnScale []float32 // s [Cols]
	RowScale    []float32 // t [Rows]; nil: all are 1
}

// Escape is an integer that a code does not hold, at position row·cols + column.
type Escape struct {
	Position uint64
	Value    int32
}

// Lattice is an open lattice file. Its blocks hold the codes of whole rows, a byte each, row by row. Within a row the
// columns of one class lie together: [Lattice.Order] says which column stands at each place. So a product multiplies by x
// in that order, and takes integers, steps and classes as they come. ReadFloat32 and Weights give the columns in the
// matrix's own order.
type Lattice struct {
	Blocks
	*latticeHead
}

// OpenLattice opens a lattice file. Close releases it.
func OpenLattice(path string) (*Lattice, error) {
	return openPath(context.Background(), path, NewLattice)
}

// NewLattice reads a lattice file of size bytes from r, as NewFile does others.
func NewLattice(ctx context.Context, r io.ReaderAt, size int64, name string) (*Lattice, error) {
	f := &Lattice{Blocks: Blocks{name: name, size: size, data: r}}
	if err := f.open(ctx, KindLattice, f.readHead); err != nil {
		return nil, err
	}
	return f, nil
}

// Uncached is as that of a File.
func (f *Lattice) Uncached() *Lattice { return &Lattice{f.uncached(), f.latticeHead} }

// Note is as that of a File.
func (f *Lattice) Note() string { return "" }

// Fingerprint returns a SHA-256, in hex, that stands for all that the file holds: that of the head as it was when the
// file was opened, which has the blocks' own sums.
func (f *Lattice) Fingerprint(context.Context) (string, error) { return f.headSum, nil }

// latticeHead is what a lattice file's head holds besides what all have. What its methods return is shared: do not
// change it.
type latticeHead struct {
	order        []uint32  // the column at each place
	steps        []float32 // of that
	rowScale     []float32
	starts       []int // by class, and the end
	escapes      []Escape
	escapePlaces []uint32 // of their columns
	packed       tiles.Size
	packedBytes  int64 // of the codes in memory
	resident     int64
}

// ColumnScale makes a list of s: the step of each column, in the matrix's own order.
func (h *latticeHead) ColumnScale() []float32 {
	s := make([]float32, len(h.order))
	for place, column := range h.order {
		s[column] = h.steps[place]
	}
	return s
}

// RowScale returns t: the scale of each row, nil if all are 1.
func (h *latticeHead) RowScale() []float32 { return h.rowScale }

// NumClasses returns the number of column classes, 1 to 16.
func (h *latticeHead) NumClasses() int { return len(h.starts) - 1 }

// Classes makes a list of the class of each column, in the matrix's own order: 0 to NumClasses()-1.
func (h *latticeHead) Classes() []byte {
	classes := make([]byte, len(h.order))
	for k := range h.NumClasses() {
		for _, column := range h.order[h.starts[k]:h.starts[k+1]] {
			classes[column] = byte(k)
		}
	}
	return classes
}

// Order returns the column that stands at each place of a block's row: by class, and ascending within a class.
func (h *latticeHead) Order() []uint32 { return h.order }

// Places makes a list of the place of each column in a block's row: Places()[Order()[p]] is p.
func (h *latticeHead) Places() []uint32 {
	places := make([]uint32, len(h.order))
	for place, column := range h.order {
		places[column] = uint32(place)
	}
	return places
}

// Starts returns the first place of each class and, last, the number of columns: class k stands at Starts()[k] to
// Starts()[k+1]-1.
func (h *latticeHead) Starts() []int { return h.starts }

// Escapes returns the integers that codes do not hold, at ascending positions row·cols + column of the matrix's own
// order. Their codes are LatticeZero.
func (h *latticeHead) Escapes() []Escape { return h.escapes }

// Packed returns what the codes take in memory, as the head says: lines of 64 bytes, and bytes of exceptions. It is for
// plans: who packs them counts again.
func (h *latticeHead) Packed() (lines, exceptions int64) { return h.packed.Lines, h.packed.Exceptions }

// PackedBytes returns the memory of the codes, so packed.
func (h *latticeHead) PackedBytes() int64 { return h.packedBytes }

// ColumnBytes returns the memory of the steps and of their order, 2 or 4 bytes for each: bfloat16 if all steps are, 16 bits
// for the order of no more than 65,536.
func (h *latticeHead) ColumnBytes() int64 { return columnBytes(h.steps) }

// ResidentBytes returns the memory of the matrix: PackedBytes, ColumnBytes, and that of row scales and escapes.
func (h *latticeHead) ResidentBytes() int64 { return h.resident }
