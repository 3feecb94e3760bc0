package kernel

import (
	"math"

	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// The integer canon is that of lattice matrices, whose weights are integers z in −128 … 127, kept as index bytes z + 128,
// with a step s for each column. For each vector, v_j = x_j·s_j, rounded once, the columns standing in the order of the
// codes. Groups of [RoundGroup] columns, counted by place, are rounded to int8 together: with m the largest |v_j|,
//
//	any v_j not finite   q_j = 0                           a = NaN
//	m < 2^-100           q_j = 0                           a = 0
//	else                 q_j = rint(v_j·(127/m)), to even  a = m/127
//
// S = Σ z_j·q_j over a group is an exact integer, and an output is the chain y = fma(float32(S), a, y) over the groups,
// in ascending order, from +0. Columns past the end count as zero.

// RoundGroup is how many columns of a vector are rounded to int8 with one scale.
const RoundGroup = 64

const (
	stripRows  = tiles.Rows     // whose codes lie interleaved
	groupQuads = RoundGroup / 4 // of columns, in a group
	stripGroup = stripRows * RoundGroup

	// integerPanelWidth is how many vectors share a panel of QuantizedActivations at most: some register tiles, of whatever
	// width.
	integerPanelWidth     = 48
	integerTileWidth      = 12  // vectors that a routine takes at most
	integerRunWidth       = 3   // and one without VNNI
	integerTilesWidth     = 16  // and one of tile registers
	integerStripWidth     = 8   // and one of packed strips
	integerHalfStripWidth = 4   // and one with half of the registers
	lookedUp              = 256 // bytes that the latter needs a vector, and as many again

	zeroCode = tiles.Zero // the index byte of the integer 0
)

// QuantizedActivations is a batch of vectors in the order of a lattice matrix's columns, scaled by its steps and rounded
// to int8 by groups. The zero value is an empty batch. Any number of products may read it at once.
//
// Vectors are kept in panels of up to 48, all of about the same width. A panel of w vectors has for each group
//
//	values [w][64]int8
//	biases [w]int32     −128·Σq: what the codes' offset comes to
//	scales [w]float32   a
//
// so that a routine takes any neighbours of it, and reads them from front to back.
type QuantizedActivations struct {
	data     []byte
	batch, n int
	width    int // of the panels, but for the last
}

// QuantizedSize returns how many bytes the vectors of a QuantizedActivations take.
func QuantizedSize(batch, n int) int { return batch * groupsOf(n) * quantizedGroup }

// quantizedGroup is how many bytes a group of a vector takes.
const quantizedGroup = RoundGroup + 8

func groupsOf(n int) int { return (n + RoundGroup - 1) / RoundGroup }

// Reset makes room for a batch of vectors of n values, which [Kernels.Quantize] then fills, part by part. It reuses the
// memory it has.
func (q *QuantizedActivations) Reset(batch, n int) {
	if batch < 0 || n < 0 || batch > 0 && n > math.MaxInt/2/batch {
		panicf("QuantizedActivations.Reset: %d vectors of %d", batch, n)
	}
	q.batch, q.n = batch, n
	q.width = max(1, evenly(batch, integerPanelWidth))
	resize(&q.data, QuantizedSize(batch, n))
}

// Batch returns the number of vectors.
func (q *QuantizedActivations) Batch() int { return q.batch }

// Len returns how many values a vector has.
func (q *QuantizedActivations) Len() int { return q.n }

// Groups returns how many groups of columns a vector has.
func (q *QuantizedActivations) Groups() int { return groupsOf(q.n) }

// integerPanel is some groups of a panel.
type integerPanel struct {
	data  []byte
	width int
}

// panel returns the panel that starts with vector first, a multiple of the width, from a group on.
func (q *QuantizedActivations) panel(first, group int) integerPanel {
	size := q.Groups() * quantizedGroup
	width := min(q.width, q.batch-first)
	return integerPanel{q.data[first*size:][:width*size][group*width*quantizedGroup:], width}
}

// evenly returns how many of n go together if parts are as few as possible, at most so many each and about equal.
func evenly(n, most int) int {
	parts := max(1, (n+most-1)/most)
	return (n + parts - 1) / parts
}

// values, bias and scale are where the panel has those of a group of vector b.
func (p integerPanel) values(group, b int) []byte {
	return p.data[group*p.width*quantizedGroup+b*RoundGroup:][:RoundGroup]
}

func (p integerPanel) bias(group, b int) []byte {
	return p.data[(group*quantizedGroup+RoundGroup)*p.width+4*b:][:4]
}

func (p integerPanel) scale(group, b int) []byte { return p.bias(group, p.width+b) }

// The assembly routines of the integer canon. Strides are in bytes, counts positive. width is 4 times a panel's: how far its
// scales lie behind its biases.
type (
	// integerDotFunc adds groups of a strip of 16 rows times neighbours of a panel, as many as its place in
	// integerRoutines says, to y, [vector][16]. values and biases are those of the first.
	integerDotFunc func(y *float32, values, biases *byte, width int, codes *byte, groups int)
	// integerRunsFunc is integerDotFunc for groups that narrowFunc has made less, of which it says by how much.
	integerRunsFunc func(y *float32, values, biases *byte, width int, codes *byte, ranges *int32, groups int)
	narrowFunc      func(codes *byte, ranges *int32, groups int)
	// integerTilesFunc is integerDotFunc for tiles times as many neighbours. sums is memory for 512 integers.
	integerTilesFunc func(y *float32, values, biases *byte, width int, codes *byte, groups, tiles int, sums *int32)
	// integerStripFunc adds a packed strip (see tiles.Strip) times a panel of as many vectors as its place says to y, [vector][16].
	integerStripFunc func(y *float32, values, biases *byte, width int, widths, lines, counts, list *byte, tiles int)
	// stripStartsFunc writes what the sums of a packed strip's groups begin with, [group][vector][16], with exceptions in it. It may
	// read 31 bytes behind the list. looked is memory for lookedUp bytes a vector, and as many again.
	stripStartsFunc func(sums *int32, values, biases *byte, width int, widths, counts, list *byte, tiles int, looked *byte)
	// stripTilesFunc adds what comes of a packed strip's tiles to such sums, and them times scales to y, [vector][16].
	stripTilesFunc func(y *float32, sums *int32, values, biases *byte, width int, widths, lines *byte, tiles int)
	// quantizeFunc rounds whole groups of a vector.
	quantizeFunc func(values, biases *byte, width int, x *float32, places, steps *byte, groups int)
	// interleaveFunc makes groups of a strip from 16 rows of index bytes, ld apart.
	interleaveFunc func(codes, rows *byte, ld, groups int)
)

// codeRange is what the codes of a group of a strip have been made.
type codeRange struct {
	less int32 // what they are less than integers
	_    int32 // quads whose products' sums fit 16 bits, codes being unsigned; 0: not even one's do, codes have a sign; assembly's alone
}

// integerRoutines is the assembly of the integer canon for a set of CPU features, which are others than those of a Level.
type integerRoutines struct {
	features   string                                     // what it needs
	dot        [integerTileWidth + 1]integerDotFunc       // nil from where it has too few registers
	width      int                                        // vectors that dot takes at most
	runs       [integerRunWidth + 1]integerRunsFunc       // in place of dot
	narrow     narrowFunc                                 // where there are runs
	tiles      [integerTilesWidth + 1]integerTilesFunc    // nil where dot is as fast
	strips     [integerStripWidth + 1]integerStripFunc    // nil: the next two
	starts     [integerHalfStripWidth + 1]stripStartsFunc // nil: unpack, then dot
	tileSums   [integerHalfStripWidth + 1]stripTilesFunc  // where there are starts
	quantize   [2][2]quantizeFunc                         // places in 32 or 16 bits, steps as float32 or bfloat16; nil: portable Go
	interleave interleaveFunc                             // nil: portable Go
}
