package cdna

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sort"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/codec"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// The head of a lattice file has, between the header's text and the block index, the section
//
//	s, of each column    bf16 or f32
//	t, of each row       bf16 or f32, unless all are 1
//	classes              4 bits a column, the first in the low half of its byte
//	model                with the encodings "rans" and "alias": codec.LatticeModel
//	escapes              of each: LEB128 distance from the one before, LEB128 zigzag value

const (
	maxClasses     = 16
	maxModel       = 1 << 16 // bytes; more than 64 tables of 256 symbols need
	keyScales      = "scales"
	keyRowScales   = "row_scales"
	keyClasses     = "classes"
	keyLines       = "lines"
	keyExceptions  = "exceptions"
	keyEscapes     = "escapes"
	keyEscapeBytes = "escape_bytes"
	keyModelBytes  = "model_bytes"
	shortestEscape = 3 // bytes: the distance, and 8 bits or more of value
	largestEscape  = binary.MaxVarintLen64 + binary.MaxVarintLen32
)

// latticeHeader is what the header of a lattice file has besides a Header.
type latticeHeader struct {
	scales      dtype.Type // BF16 or F32
	rowScales   bool       // t is there; else it is 1 in every row
	classes     int
	packed      tiles.Size // of the codes, in memory
	escapes     int
	escapeBytes int
	modelBytes  int
}

// parseLatticeHeader is parseHeader for a lattice file, where all keys but created_utc and fidelity_stats are needed.
func parseLatticeHeader(text []byte) (h Header, l latticeHeader, headSum string, err error) {
	o := readObject(text)
	needEqual(o, "schema", schemaLattice)
	o.need("tensor_name", &h.TensorName)
	h.Rows, h.Cols = o.needShape()
	h.DType = dtype.U8
	o.need("block_rows", &h.BlockRows)
	o.need("num_blocks", &h.NumBlocks)
	o.need("encoding", &h.Encoding)
	o.need(keyScales, &l.scales)
	o.need(keyRowScales, &l.rowScales)
	o.need(keyClasses, &l.classes)
	o.need(keyLines, &l.packed.Lines)
	o.need(keyExceptions, &l.packed.Exceptions)
	o.need(keyEscapes, &l.escapes)
	o.need(keyEscapeBytes, &l.escapeBytes)
	o.need(keyModelBytes, &l.modelBytes)
	o.take("created_utc", &h.CreatedUTC)
	o.take("fidelity_stats", &h.Fidelity)
	o.need(keyHeadSum, &headSum)
	if o.err == nil {
		o.err = l.check(int64(h.Rows), int64(h.Cols))
	}
	if o.err == nil && !isHexSum(headSum) {
		o.fail("%s: %q is not 64 lower-case hexadecimal digits", keyHeadSum, headSum)
	}
	h.Extra = o.rest()
	return h, l, headSum, o.err
}

// check refuses with ErrHeader what no writer says of a matrix [rows, cols], whose shape may still be a bad one.
func (l *latticeHeader) check(rows, cols int64) error {
	if l.scales != dtype.BF16 && l.scales != dtype.F32 {
		return fmt.Errorf("%w: %s %q is neither %q nor %q", ErrHeader, keyScales, l.scales, dtype.BF16, dtype.F32)
	}
	if l.classes < 1 || l.classes > maxClasses {
		return fmt.Errorf("%w: %s is %d, not 1 to %d", ErrHeader, keyClasses, l.classes, maxClasses)
	}
	if l.escapes < 0 || rows > 0 && int64(l.escapes)/rows > cols {
		return fmt.Errorf("%w: %s is %d, in a matrix of [%d, %d]", ErrHeader, keyEscapes, l.escapes, rows, cols)
	}
	if n := int64(l.escapes); int64(l.escapeBytes)/largestEscape > n || int64(l.escapeBytes) < n*shortestEscape {
		return fmt.Errorf("%w: %s is %d, for %d escapes", ErrHeader, keyEscapeBytes, l.escapeBytes, l.escapes)
	}
	if l.modelBytes < 0 || l.modelBytes > maxModel {
		return fmt.Errorf("%w: %s is %d", ErrHeader, keyModelBytes, l.modelBytes)
	}
	return nil
}

// sectionLen is the length of the section of a matrix [rows, cols]; too large a shape is ErrShape.
func (l *latticeHeader) sectionLen(rows, cols int) (int64, error) {
	const limit = math.MaxInt64 / 16
	if rows > limit || cols > limit || l.escapeBytes > limit {
		return 0, fmt.Errorf("%w: [%d, %d]", ErrShape, rows, cols)
	}
	scales := int64(cols)
	if l.rowScales {
		scales += int64(rows)
	}
	return scales*int64(l.scales.Size()) + int64(cols+1)/2 + int64(l.modelBytes) + int64(l.escapeBytes), nil
}

func (f *Lattice) readHead(ctx context.Context) error {
	head, err := f.readHeader(ctx, KindLattice)
	if err != nil {
		return err
	}
	headerEnd := len(head)
	var l latticeHeader
	var sum string
	if f.header, l, sum, err = parseLatticeHeader(head[prefixLen:]); err != nil {
		return err
	}
	if f.grid, err = newGrid(f.header.Rows, f.header.Cols, f.header.BlockRows, 1); err != nil {
		return err
	}
	if f.codec, err = openLatticeCodec(f.header.Encoding, 0, f.grid.cols); err != nil {
		return err
	}
	length, err := l.sectionLen(f.grid.rows, f.grid.cols)
	if err != nil {
		return err
	}
	if length > f.size-int64(headerEnd) {
		return fmt.Errorf("%w: scales, classes and escapes at byte %d need %d bytes, the file has %d", ErrTruncated, headerEnd, length, f.size)
	}
	if head, err = f.extendHead(ctx, head, headerEnd+int(length), "scales, classes and escapes"); err != nil {
		return err
	}
	if err := f.readTable(ctx, head, headerEnd, sum); err != nil {
		return err
	}
	if f.latticeHead, f.codec, err = parseLatticeSection(head[headerEnd:], f.grid, &l, f.codec); err != nil {
		return err
	}
	h, g, inTiles := f.latticeHead, f.grid, f.InTiles()
	if packed := f.packedLen(); inTiles && h.packedBytes != packed {
		return fmt.Errorf("%w: %s and %s make %d bytes, the blocks have %d", ErrHeader, keyLines, keyExceptions, h.packedBytes, packed)
	}
	f.rule = func(i int, b []byte) error { return h.checkEscaped(g, i, b, inTiles) }
	return nil
}

// packedLen is the length of all blocks in the file.
func (f *Blocks) packedLen() int64 { return f.size - f.blocks[0].Offset }

// The encodings that are lattice files' own.
const (
	latticeEncoding = "rans"
	// AliasCodec is an entropy coder that takes a little more than "rans", the default, and is several times as fast to unpack.
	AliasCodec = "alias"
	// PackedCodec keeps blocks as they lie in memory to be multiplied by: as large there as in the file. Their sums in the
	// block index are of these bytes.
	PackedCodec = "packed"
)

// needsModel stands for a codec of that name until its model is known.
type needsModel struct {
	codec.Codec
	name string
}

func (c needsModel) Name() string { return c.name }

// openLatticeCodec is openCodec, and knows the encodings of lattice files for rows of so many codes: needsModel for
// those that have a model.
func openLatticeCodec(name string, level, cols int) (codec.Codec, error) {
	if !codec.HasLatticeModel(name) && name != PackedCodec {
		return openCodec(name, level)
	}
	if level != 0 {
		return nil, fmt.Errorf("%w: %s has level 0, not %d", ErrLevel, name, level)
	}
	if name == PackedCodec {
		return codec.NewTiles(cols), nil
	}
	return needsModel{name: name}, nil
}

// InTiles tells whether blocks have the encoding PackedCodec.
func (f *Blocks) InTiles() bool { return f.header.Encoding == PackedCodec }

// ofPacked tells whether sums are of the packed bytes.
func ofPacked(c codec.Codec) bool { return c != nil && c.Name() == PackedCodec }

// parseLatticeSection reads the section, which is as long as it must be, and makes of the codec in the header the one for
// blocks.
func parseLatticeSection(b []byte, g grid, l *latticeHeader, c codec.Codec) (h *latticeHead, blocks codec.Codec, err error) {
	h = &latticeHead{packed: l.packed}
	columnScale, b, err := parseScales(b, g.cols, l.scales, "column")
	if err != nil {
		return nil, nil, err
	}
	if l.rowScales {
		if h.rowScale, b, err = parseScales(b, g.rows, l.scales, "row"); err != nil {
			return nil, nil, err
		}
	}
	classes := make([]byte, g.cols)
	for i := range classes {
		if classes[i] = b[i/2] >> (i % 2 * 4) & 15; int(classes[i]) >= l.classes {
			return nil, nil, fmt.Errorf("%w: column %d is of class %d, there are %d", ErrCorrupt, i, classes[i], l.classes)
		}
	}
	if g.cols%2 == 1 && b[g.cols/2]>>4 != 0 {
		return nil, nil, fmt.Errorf("%w: a class for a column beyond the last", ErrCorrupt)
	}
	h.starts, h.order = classOrder(classes, l.classes)
	h.steps = make([]float32, g.cols)
	for place, column := range h.order {
		h.steps[place] = columnScale[column]
	}
	if h.packedBytes, err = l.packedBytes(g); err != nil {
		return nil, nil, err
	}
	b = b[(g.cols+1)/2:]
	model, b := b[:l.modelBytes], b[l.modelBytes:]
	switch _, own := c.(needsModel); {
	case own:
		m, err := codec.ParseLatticeModel(c.Name(), model, h.starts)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		c = codec.NewLattice(m)
	case len(model) > 0:
		return nil, nil, fmt.Errorf("%w: %s is %d, for an encoding that has none", ErrHeader, keyModelBytes, len(model))
	case c != nil && !ofPacked(c):
		c = codec.NewColumns(c, h.starts)
	}
	if h.escapes, err = parseEscapes(b, l.escapes, uint64(g.rows)*uint64(g.cols)); err != nil {
		return nil, nil, err
	}
	h.resident = h.packedBytes + columnBytes(h.steps) + 4*int64(len(h.rowScale)) + escapeBytes(g, h.escapes)
	if len(h.escapes) > 0 {
		places := h.Places()
		for _, e := range h.escapes {
			h.escapePlaces = append(h.escapePlaces, places[e.Position%uint64(g.cols)])
		}
	}
	return h, c, nil
}

func parseScales(b []byte, n int, t dtype.Type, what string) (scales []float32, rest []byte, err error) {
	scales = make([]float32, n)
	raw, rest := b[:n*t.Size()], b[n*t.Size():]
	dtype.Decode(scales, raw, t)
	return scales, rest, checkScales(scales, ErrCorrupt, what)
}

// checkScales refuses infinities and NaNs, as kind.
func checkScales(scales []float32, kind error, what string) error {
	for i, v := range scales {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("%w: the scale of %s %d is %v", kind, what, i, v)
		}
	}
	return nil
}

// parseEscapes reads n escapes, which must be all of b, of a matrix of so many weights.
func parseEscapes(b []byte, n int, weights uint64) ([]Escape, error) {
	escapes := make([]Escape, n)
	next := uint64(0) // the first position that the next may have
	for i := range escapes {
		step, k := binary.Uvarint(b)
		if k <= 0 {
			return nil, fmt.Errorf("%w: the position of escape %d", ErrCorrupt, i)
		}
		value, m := binary.Varint(b[k:])
		if m <= 0 || value > math.MaxInt32 || value < math.MinInt32 || isCode(value) {
			return nil, fmt.Errorf("%w: the value of escape %d", ErrCorrupt, i)
		}
		if b = b[k+m:]; step >= weights-next {
			return nil, fmt.Errorf("%w: escape %d lies beyond the matrix", ErrCorrupt, i)
		}
		escapes[i] = Escape{next + step, int32(value)}
		next += step + 1
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last escape", ErrCorrupt, len(b))
	}
	return escapes, nil
}

// firstEscape returns the number of the first escape at a position of the matrix or beyond.
func (h *latticeHead) firstEscape(position uint64) int {
	return sort.Search(len(h.escapes), func(i int) bool { return h.escapes[i].Position >= position })
}

// checkEscaped refuses codes of block i that are not LatticeZero where an escape stands: the weight would be another one for
// who adds both. b are the codes, or in tiles the packed bytes.
func (h *latticeHead) checkEscaped(g grid, i int, b []byte, inTiles bool) error {
	first, rows := g.span(i)
	cols := uint64(g.cols)
	from := h.firstEscape(uint64(first) * cols)
	escapes := h.escapes[from:h.firstEscape(uint64(first+rows)*cols)]
	var packed tiles.Matrix
	if inTiles && len(escapes) > 0 {
		if err := packed.Open(b, rows, g.cols); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	for k, e := range escapes {
		row, place := int(e.Position/cols)-first, int(h.escapePlaces[from+k])
		var code byte
		if inTiles {
			code = packed.Code(row, place)
		} else {
			code = b[row*g.cols+place]
		}
		if code != LatticeZero {
			return fmt.Errorf("%w: the code %d at position %d, where the integer %d stands", ErrCorrupt, code, e.Position, e.Value)
		}
	}
	return nil
}

func appendEscapes(b []byte, escapes []Escape) []byte {
	next := uint64(0)
	for _, e := range escapes {
		b = binary.AppendUvarint(b, e.Position-next)
		b = binary.AppendVarint(b, int64(e.Value))
		next = e.Position + 1
	}
	return b
}

// isCode tells whether a code holds z.
func isCode[T int32 | int64](z T) bool { return -LatticeZero <= z && z < LatticeZero }

// classOrder sorts the columns by class: starts has the first place of each class and the end, order the column at each
// place.
func classOrder(classes []byte, n int) (starts []int, order []uint32) {
	starts = make([]int, n+1)
	for _, k := range classes {
		starts[k+1]++
	}
	for k := range n {
		starts[k+1] += starts[k]
	}
	order = make([]uint32, len(classes))
	next := append([]int(nil), starts...)
	for column, k := range classes {
		order[next[k]] = uint32(column)
		next[k]++
	}
	return starts, order
}

// packedBytes is the memory of the codes in package tiles' form. A size that no matrix has is ErrHeader.
func (l *latticeHeader) packedBytes(g grid) (int64, error) {
	n, err := tiles.Shape{Rows: g.rows, Cols: g.cols, BlockRows: g.blockRows}.Bytes(l.packed)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	return n, nil
}

// columnBytes is the memory of steps and their order.
func columnBytes(steps []float32) int64 {
	each := 2 + 2
	if len(steps) > 1<<16 {
		each += 2
	}
	if !areBF16(steps) {
		each += 2
	}
	return int64(each) * int64(len(steps))
}

// escapeBytes is the memory of escapes as products take them: the column and the value of each, where each row's begin, and
// of each column that has any its number, step and place.
func escapeBytes(g grid, escapes []Escape) int64 {
	if len(escapes) == 0 {
		return 0
	}
	columns := map[uint64]bool{}
	for _, e := range escapes {
		columns[e.Position%uint64(g.cols)] = true
	}
	return (4+4)*int64(len(escapes)) + 4*(int64(g.rows)+1) + (4+4+4)*int64(len(columns))
}
