package cdna

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

// LosslessOptions describe a lossless file to be written.
type LosslessOptions struct {
	TensorName string
	Rows, Cols int
	DType      dtype.Type // one of IsLosslessType
	BlockRows  int        // 0: as AutoBlockRows for rows of as many bytes
	Codec      string     // for each plane: "huff0", "zstd", "lz4", "brotli"; "none" stores; "": zstd
	Level      int        // 0: the codec's fast default
	CreatedUTC string     // "": the time in $SOURCE_DATE_EPOCH, else 1970-01-01T00:00:00Z
	Extra      map[string]any
	Threads    int // that pack blocks, 0: GOMAXPROCS; does not change a byte
}

// LosslessWriter writes a lossless file, which gets its name only when Finish has succeeded; until then, and after any
// failure, a file of that name stays as it was. It belongs to one goroutine; the packing is done by others, with a few
// blocks in memory. Either Finish or Abort must be called.
type LosslessWriter struct {
	blocks    blockWriter
	header    Header
	extra     map[string]any
	headerLen int
	file      *atomicfile.File
}

// CreateLossless checks the options (ErrShape, ErrHeader, ErrCodec, ErrLevel) and starts writing a file.
func CreateLossless(path string, o LosslessOptions) (*LosslessWriter, error) {
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	w := &LosslessWriter{file: file, extra: o.Extra}
	if err := w.start(o); err != nil {
		file.Abort()
		return nil, w.named(err)
	}
	return w, nil
}

func (w *LosslessWriter) start(o LosslessOptions) error {
	if !IsLosslessType(o.DType) {
		return fmt.Errorf("%w: dtype %q is not one of %v", ErrHeader, o.DType, losslessTypes)
	}
	width := o.DType.Size()
	if err := checkShape(o.Rows, o.Cols); err != nil {
		return err
	}
	if o.BlockRows == 0 {
		o.BlockRows = AutoBlockRows(o.Rows, min(o.Cols, 2*blockTarget)*width)
	}
	g, err := newWritableGrid(o.Rows, o.Cols, o.BlockRows, width)
	if err != nil {
		return err
	}
	if o.Codec == "" {
		o.Codec = "zstd"
	}
	c, err := openPlanes(o.Codec, o.Level, width)
	if err != nil {
		return err
	}
	if o.CreatedUTC == "" {
		if o.CreatedUTC, err = sourceDate(); err != nil {
			return err
		}
	}
	w.header = Header{
		TensorName: o.TensorName, Rows: o.Rows, Cols: o.Cols, DType: o.DType, BlockRows: o.BlockRows,
		NumBlocks: g.blocks(), Encoding: o.Codec, CreatedUTC: o.CreatedUTC,
	}
	text, err := w.marshalHeader()
	if err != nil {
		return err
	}
	if w.headerLen = len(text); w.headerLen > maxHeader {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrHeader, w.headerLen, maxHeader)
	}
	headLen := prefixLen + w.headerLen + 4 + indexEntryLen*g.blocks()
	w.blocks = newBlockWriter(w.file, g, int64(headLen), c, o.Threads)
	return nil
}

func (w *LosslessWriter) marshalHeader() ([]byte, error) {
	h := &w.header
	if err := checkText("tensor_name", h.TensorName); err != nil {
		return nil, err
	}
	if err := checkText("created_utc", h.CreatedUTC); err != nil {
		return nil, err
	}
	var o objectWriter
	o.add("schema", schemaLossless)
	o.add("tensor_name", h.TensorName)
	o.add("shape", [2]int{h.Rows, h.Cols})
	o.add("dtype", h.DType)
	o.add("block_rows", h.BlockRows)
	o.add("num_blocks", h.NumBlocks)
	o.add("encoding", h.Encoding)
	o.add("created_utc", h.CreatedUTC)
	addSorted(&o, w.extra)
	o.add(keyHeadSum, noHeadSum)
	return o.done()
}

// BlockRows returns the rows of a block.
func (w *LosslessWriter) BlockRows() int { return w.header.BlockRows }

// Write takes the next elements' little-endian bytes, row by row, cut in any way. p is free for reuse afterwards. More
// than the shape has are ErrShape; an error of packing or writing may come back at any later call.
func (w *LosslessWriter) Write(p []byte) (int, error) {
	n, err := w.blocks.write(p)
	return n, w.named(err)
}

// Finish writes the head, flushes the file to the disk and names it. Too few elements are ErrShape. After an error nothing
// is left.
func (w *LosslessWriter) Finish() (WriteStats, error) {
	stats, err := w.blocks.finish(func(table []byte) ([]byte, error) {
		text, err := w.marshalHeader()
		if err != nil {
			return nil, err
		}
		return appendHead(magicLossless, text, w.headerLen, nil, table), nil
	})
	if err != nil {
		w.file.Abort()
		return WriteStats{}, w.named(err)
	}
	if err := w.file.Commit(); err != nil {
		return WriteStats{}, w.named(err)
	}
	return stats, nil
}

// Abort ends the workers and removes what was written. After Finish it does nothing.
func (w *LosslessWriter) Abort() {
	w.blocks.abort()
	w.file.Abort()
}

func (w *LosslessWriter) named(err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", w.file.Path(), err)
	}
	return err
}
