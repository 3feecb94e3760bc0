package kernel

// form is a way in which weights lie in memory; each has its own assembly.
type form int

const (
	formBytesBF16   form = iota // index bytes, codebook of bfloat16 values
	formBytesF32                // index bytes, any codebook
	formPacked6BF16             // 6-bit indices, see Packed
	formPacked6F32
	formPacked4BF16 // 4-bit indices
	formPacked4F32
	formDenseF32
	formDenseBF16
	formCount
)

// bytesPerGroup is how many bytes 64 columns of a row take; for packed forms,
// of a strip of four rows.
var bytesPerGroup = [formCount]int{64, 64, 192, 192, 128, 128, 256, 128}

// maxDirect is the largest batch that is multiplied straight from the lookup.
const maxDirect = 4

// The assembly routines. Strides are in bytes. The pointer w is to the first
// row or strip, table to a Table (unused by dense forms).
type (
	// dotFunc sets y to the dot products of 1 or 4 rows with as many vectors as
	// its place in formRoutines says. xstep is the distance of steps in a panel.
	dotFunc func(y *float32, ldyRow, ldyBatch int, x *float32, xstep int, w *byte, ldw int, table *byte, n int)
	// accumulateFunc adds rows times x to y. cols is a positive multiple of 64,
	// rows a positive multiple of four if the form is packed.
	accumulateFunc func(y *float32, ldy int, x *float32, ldx int, w *byte, ldw int, table *byte, rows, cols int)
	// decodeLanesFunc writes n columns of four rows as [group][step][row][lane].
	decodeLanesFunc func(dst *float32, w *byte, ldw int, table *byte, n int)
	// decodeColumnsFunc writes 64 columns of rows (as above) as [row][column].
	decodeColumnsFunc func(dst *float32, w *byte, ldw int, table *byte, rows int)
	// gemmFunc adds steps (positive) to the lanes of four decoded rows times a
	// panel: sums[row][vector][lane] += Σ w[step][row][lane]·x[step][vector][lane].
	gemmFunc func(sums, x, w *float32, steps int)
	// outerFunc adds decoded rows (at least one) of 64 columns times x to y.
	outerFunc func(y *float32, ldy int, x *float32, ldx int, w *float32, rows int)
	// reduceFunc adds up the lanes of count (positive) sums.
	reduceFunc func(dst, sums *float32, count int)
	// sparseDotFunc adds the sums of sparse rows to y, for 1 to maxDirect vectors.
	sparseDotFunc func(y *float32, ldy int, x *float32, ldx int, start, col *uint32, delta *float32, rows int)
	// sparseAccumulateFunc adds x times sparse rows to z.
	sparseAccumulateFunc func(z, x *float32, start, col *uint32, delta *float32, rows int)
	// unpackFunc writes n tiles (at least one) of one width in strip order, without exceptions.
	unpackFunc func(dst, lines *byte, n int)
	// correctFunc adds exceptions to n tiles (at least one) in strip order: whole groups, but at the strip's end. It returns how
	// many of the list they are.
	correctFunc func(dst, widths, counts, list *byte, n int) (used int)
	// deinterleaveFunc writes n tiles (at least one) in strip order as sixteen rows, ld apart.
	deinterleaveFunc func(rows *byte, ld int, strip *byte, n int)
	// interleaveTileFunc makes a tile in strip order from 32 codes of sixteen rows, ld apart.
	interleaveTileFunc func(tile, rows *byte, ld int)
	// tileEntriesFunc returns how many entries a tile takes at each width, as tiles.Widths says.
	tileEntriesFunc func(tile *byte) (a, b uint64)
	// tileOutsideFunc sets a bit of eight words for each code of a tile, less least, that has bits of mask, as bytes of both.
	tileOutsideFunc func(outside *uint64, tile *byte, least, mask uint32)
	// packTileFunc writes the lines of a tile.
	packTileFunc func(lines, tile *byte)
	// readFunc reads four streams of n bytes each, n a positive multiple of 128.
	readFunc func(p *byte, n int) uint64
)

// formRoutines are the routines that read one form. dot4, dot1 and accumulate
// are indexed by the number of vectors they take; nil where a machine has too
// few registers.
type formRoutines struct {
	dot4, dot1    [maxDirect + 1]dotFunc
	accumulate    [maxDirect + 1]accumulateFunc
	decodeLanes   decodeLanesFunc
	decodeColumns decodeColumnsFunc
}

// tileRoutines read package tiles' form; all are nil where that does it itself, correct alone where only that does.
type tileRoutines struct {
	unpack       [9]unpackFunc // by bits
	correct      correctFunc
	deinterleave deinterleaveFunc

	interleave interleaveTileFunc
	entries    tileEntriesFunc
	outside    tileOutsideFunc
	pack       [8]packTileFunc // by bits
}

// routines is the assembly of one level.
type routines struct {
	forms  [formCount]formRoutines
	gemm   [panelWidth + 1]gemmFunc // by number of vectors
	outer  [panelWidth + 1]outerFunc
	reduce reduceFunc
	read   readFunc
	tile64 tile64
	tiles  tileRoutines

	round64 round64Func // may be nil, as may the next
	solve64 solve64Func

	sparseDot        [maxDirect + 1]sparseDotFunc // by number of vectors
	sparseAccumulate sparseAccumulateFunc

	elementwise elementwise
	attention   attention
	delta       delta
	scan        scan
}
