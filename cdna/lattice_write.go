package cdna

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/codec"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// LatticeOptions describe a lattice file to be written.
type LatticeOptions struct {
	TensorName string
	BlockRows  int    // 0: about AutoBlockRows(Rows, Cols), a multiple of sixteen
	Codec      string // "rans"; AliasCodec; PackedCodec; for each column class "huff0", "zstd", "lz4", "brotli"; "none" stores; "": rans
	Level      int    // 0: the codec's fast default
	CreatedUTC string // "": the time in $SOURCE_DATE_EPOCH, else 1970-01-01T00:00:00Z
	Fidelity   *FidelityStats
	Extra      map[string]any
	Threads    int // that pack blocks, 0: GOMAXPROCS; does not change a byte
	Classes    int // of columns, and with "rans" and AliasCodec of rows, 1 to 16; 0: 16
}

// LatticeSizes say what a matrix takes as a lattice file.
type LatticeSizes struct {
	File     int64 // bytes of the file
	Codes    int64 // of its blocks alone
	Resident int64 // memory, as Lattice.ResidentBytes
}

// CreateLattice writes m to a lattice file, which gets its name only when all is written: after an error a file of that
// name stays as it was. A matrix that is none, as LatticeMatrix says, is ErrShape; scales that are not finite and options
// are ErrHeader, ErrShape, ErrCodec or ErrLevel. Scales are written as bfloat16 where all of them are such numbers, else as
// float32; those of rows are left out where all of them are 1. The bytes depend on m and the options, without Threads, alone.
func CreateLattice(path string, m *LatticeMatrix, o LatticeOptions) (WriteStats, error) {
	file, err := atomicfile.Create(path)
	if err != nil {
		return WriteStats{}, err
	}
	stats, _, err := writeLattice(file, m, o)
	if err != nil {
		file.Abort()
		return WriteStats{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := file.Commit(); err != nil {
		return WriteStats{}, fmt.Errorf("%s: %w", path, err)
	}
	return stats, nil
}

// LatticeSize returns what CreateLattice would make of m, to the byte, and what that would take in memory.
func LatticeSize(m *LatticeMatrix, o LatticeOptions) (LatticeSizes, error) {
	stats, resident, err := writeLattice(nowhere{}, m, o)
	return LatticeSizes{File: stats.TotalBytes, Codes: stats.CompressedBytes, Resident: resident}, err
}

// nowhere forgets what is written.
type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

func writeLattice(w io.WriterAt, m *LatticeMatrix, o LatticeOptions) (stats WriteStats, resident int64, err error) {
	if o.BlockRows == 0 {
		o.BlockRows = max(tiles.Rows, AutoBlockRows(m.Rows, m.Cols)/tiles.Rows*tiles.Rows)
	}
	g, err := newWritableGrid(m.Rows, m.Cols, o.BlockRows, 1)
	if err != nil {
		return stats, 0, err
	}
	if err := m.check(); err != nil {
		return stats, 0, err
	}
	if o.Codec == "" {
		o.Codec = latticeEncoding
	}
	if o.CreatedUTC == "" {
		if o.CreatedUTC, err = sourceDate(); err != nil {
			return stats, 0, err
		}
	}
	if o.Classes == 0 {
		o.Classes = maxClasses
	}
	classes, err := chooseClasses(m, o.Classes)
	if err != nil {
		return stats, 0, err
	}
	c, err := openLatticeCodec(o.Codec, o.Level, m.Cols)
	if err != nil {
		return stats, 0, err
	}
	var model []byte
	if _, own := c.(needsModel); own {
		m := classes.model(m, o.Codec, o.Classes)
		model, c = m.Append(nil), codec.NewLattice(m)
	} else if c != nil && !ofPacked(c) {
		c = codec.NewColumns(c, classes.starts)
	}
	escapes := appendEscapes(nil, m.Escapes)
	header := Header{
		TensorName: o.TensorName, Rows: m.Rows, Cols: m.Cols, DType: dtype.U8, BlockRows: o.BlockRows,
		NumBlocks: g.blocks(), Encoding: o.Codec, CreatedUTC: o.CreatedUTC, Fidelity: o.Fidelity,
	}
	l := latticeHeader{
		scales: m.scaleType(), rowScales: m.scalesRows(), classes: len(classes.spreads), packed: classes.packedSize(m, g),
		escapes: len(m.Escapes), escapeBytes: len(escapes), modelBytes: len(model),
	}
	packedBytes, err := l.packedBytes(g)
	if err != nil {
		return stats, 0, err
	}
	resident = packedBytes + columnBytes(m.ColumnScale) + escapeBytes(g, m.Escapes)
	if l.rowScales {
		resident += 4 * int64(m.Rows)
	}
	text, err := marshalLatticeHeader(&header, &l, o.Extra)
	if err != nil {
		return stats, 0, err
	}
	if len(text) > maxHeader {
		return stats, 0, fmt.Errorf("%w: %d bytes, at most %d", ErrHeader, len(text), maxHeader)
	}
	section := append(m.appendScales(nil, &l), make([]byte, (m.Cols+1)/2)...)
	for column, k := range classes.of {
		section[len(section)-(m.Cols+1)/2+column/2] |= k << (column % 2 * 4)
	}
	section = append(append(section, model...), escapes...)

	headLen := prefixLen + len(text) + len(section) + 4 + indexEntryLen*g.blocks()
	blocks := newBlockWriter(w, g, int64(headLen), c, o.Threads)
	defer blocks.abort()
	line := make([]byte, m.Cols)
	for i := range m.Rows {
		classes.arrange(line, m.Codes[i*m.Cols:][:m.Cols])
		if _, err := blocks.write(line); err != nil {
			return stats, 0, err
		}
	}
	stats, err = blocks.finish(func(table []byte) ([]byte, error) {
		return appendHead(magicLattice, text, len(text), section, table), nil
	})
	return stats, resident, err
}

func marshalLatticeHeader(h *Header, l *latticeHeader, extra map[string]any) ([]byte, error) {
	if err := checkText("tensor_name", h.TensorName); err != nil {
		return nil, err
	}
	if err := checkText("created_utc", h.CreatedUTC); err != nil {
		return nil, err
	}
	var o objectWriter
	o.add("schema", schemaLattice)
	o.add("tensor_name", h.TensorName)
	o.add("shape", [2]int{h.Rows, h.Cols})
	o.add("block_rows", h.BlockRows)
	o.add("num_blocks", h.NumBlocks)
	o.add("encoding", h.Encoding)
	o.add(keyScales, l.scales)
	o.add(keyRowScales, l.rowScales)
	o.add(keyClasses, l.classes)
	o.add(keyLines, l.packed.Lines)
	o.add(keyExceptions, l.packed.Exceptions)
	o.add(keyEscapes, l.escapes)
	o.add(keyEscapeBytes, l.escapeBytes)
	o.add(keyModelBytes, l.modelBytes)
	o.add("created_utc", h.CreatedUTC)
	if h.Fidelity != nil {
		o.add("fidelity_stats", h.Fidelity)
	} else {
		o.reserve("fidelity_stats")
	}
	addSorted(&o, extra)
	o.add(keyHeadSum, noHeadSum)
	return o.done()
}

// check refuses what is no matrix of its shape, which is a good one.
func (m *LatticeMatrix) check() error {
	if n := m.Rows * m.Cols; len(m.Codes) != n || len(m.ColumnScale) != m.Cols || m.RowScale != nil && len(m.RowScale) != m.Rows {
		return fmt.Errorf("%w: %d codes, %d column scales and %d row scales for [%d, %d]",
			ErrShape, len(m.Codes), len(m.ColumnScale), len(m.RowScale), m.Rows, m.Cols)
	}
	if err := checkScales(m.ColumnScale, ErrHeader, "column"); err != nil {
		return err
	}
	if err := checkScales(m.RowScale, ErrHeader, "row"); err != nil {
		return err
	}
	next := uint64(0)
	for i, e := range m.Escapes {
		switch {
		case e.Position < next || e.Position >= uint64(len(m.Codes)):
			return fmt.Errorf("%w: escape %d is at %d, they must ascend within %d codes", ErrShape, i, e.Position, len(m.Codes))
		case m.Codes[e.Position] != LatticeZero || isCode(e.Value):
			return fmt.Errorf("%w: escape %d is %d where the code is %d, want one that no code holds, and %d",
				ErrShape, i, e.Value, m.Codes[e.Position], LatticeZero)
		}
		next = e.Position + 1
	}
	return nil
}

// scaleType is bfloat16 if that holds all scales.
func (m *LatticeMatrix) scaleType() dtype.Type {
	if areBF16(m.ColumnScale) && areBF16(m.RowScale) {
		return dtype.BF16
	}
	return dtype.F32
}

func areBF16(scales []float32) bool {
	return !slices.ContainsFunc(scales, func(v float32) bool { return math.Float32bits(v)<<16 != 0 })
}

// scalesRows tells whether any row has a scale other than 1.
func (m *LatticeMatrix) scalesRows() bool {
	return slices.ContainsFunc(m.RowScale, func(t float32) bool { return t != 1 })
}

func (m *LatticeMatrix) appendScales(b []byte, l *latticeHeader) []byte {
	written := [][]float32{m.ColumnScale}
	if l.rowScales {
		written = append(written, m.RowScale)
	}
	for _, scales := range written {
		for _, v := range scales {
			bits := math.Float32bits(v)
			if l.scales == dtype.BF16 {
				b = binary.LittleEndian.AppendUint16(b, uint16(bits>>16))
			} else {
				b = binary.LittleEndian.AppendUint32(b, bits)
			}
		}
	}
	return b
}
