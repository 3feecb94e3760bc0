package cdna

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// WriterOptions describe a v2 file to be written.
type WriterOptions struct {
	TensorName string
	Rows, Cols int
	BlockRows  int       // 0: AutoBlockRows(Rows, Cols)
	Codebook   []float32 // at most 256 values; zeros follow
	Codec      string    // "none", "huff0", "zstd", "lz4", "brotli"; "": zstd
	Level      int       // 0: the codec's fast default
	CreatedUTC string    // "": the time in $SOURCE_DATE_EPOCH, else 1970-01-01T00:00:00Z
	Sidecar    bool      // keep room in the header for Writer.SetSidecar
	Extra      map[string]any
	Threads    int // that pack blocks, 0: GOMAXPROCS; does not change a byte
}

// WriteStats are the sizes of a finished file.
type WriteStats struct {
	IndexBytes      int64 // of the blocks, unpacked: rows * cols, times the size of an element
	CompressedBytes int64 // of all blocks
	TotalBytes      int64 // of the file
	NumBlocks       int
}

// fidelityRoom is how many bytes of header are kept for fidelity_stats, which are known only when all is written: the
// two fields of the original and five numbers need at most 275. What is not used becomes spaces after the JSON.
const fidelityRoom = 288

// Writer writes a v2 file from its indices. It belongs to one goroutine; the packing is done by others. Either Finish or
// Abort must be called, or these stay.
type Writer struct {
	blocks    blockWriter
	header    Header
	extra     map[string]any
	codebook  []float32
	headerLen int  // room for the JSON
	sidecar   bool // with room for the sidecar's sum
}

// NewWriter checks the options and starts the workers. Blocks are written to w as they get ready, in order, and the head
// at offset 0 at the end: until Finish has returned, w does not hold a CDNA file. The codebook is copied.
func NewWriter(w io.WriterAt, o WriterOptions) (*Writer, error) {
	return newWriter(w, o, fidelityRoom)
}

// newWriter keeps room bytes of the header for fidelity_stats.
func newWriter(w io.WriterAt, o WriterOptions, room int) (*Writer, error) {
	if o.BlockRows == 0 {
		o.BlockRows = AutoBlockRows(o.Rows, o.Cols)
	}
	g, err := newWritableGrid(o.Rows, o.Cols, o.BlockRows, 1)
	if err != nil {
		return nil, err
	}
	if len(o.Codebook) > codebookEntries {
		return nil, fmt.Errorf("%w: %d codebook entries, at most %d", ErrShape, len(o.Codebook), codebookEntries)
	}
	if o.Codec == "" {
		o.Codec = "zstd"
	}
	c, err := openCodec(o.Codec, o.Level)
	if err != nil {
		return nil, err
	}
	if o.CreatedUTC == "" {
		if o.CreatedUTC, err = sourceDate(); err != nil {
			return nil, err
		}
	}
	wr := &Writer{
		extra:    o.Extra,
		codebook: append([]float32(nil), o.Codebook...),
		sidecar:  o.Sidecar,
		header: Header{
			TensorName: o.TensorName, Rows: o.Rows, Cols: o.Cols, BlockRows: o.BlockRows,
			NumBlocks: g.blocks(), Encoding: o.Codec, CreatedUTC: o.CreatedUTC,
		},
	}
	longest := wr.header
	if o.Sidecar {
		longest.SidecarSHA256 = noHeadSum
	}
	text, err := marshalHeader(&longest, wr.extra)
	if err != nil {
		return nil, err
	}
	if wr.headerLen = len(text) + room; wr.headerLen > maxHeader {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrHeader, wr.headerLen, maxHeader)
	}
	headLen := prefixLen + wr.headerLen + codebookBytes + 4 + indexEntryLen*g.blocks()
	wr.blocks = newBlockWriter(w, g, int64(headLen), c, o.Threads)
	return wr, nil
}

// Write takes the next indices, row by row, cut in any way. p is free for reuse afterwards. More indices than the shape
// has are ErrShape; an error of packing or of the underlying writer may come back at any later call.
func (w *Writer) Write(p []byte) (int, error) { return w.blocks.write(p) }

// SetSidecar records the SHA-256 of the bytes of the sidecar file that belongs to the matrix, as CreateSidecar returns it
// (File.CheckSidecar compares it). It must be called before Finish, which fails with ErrHeader if WriterOptions.Sidecar
// has not kept room; room that is not used becomes spaces.
func (w *Writer) SetSidecar(sum [sha256.Size]byte) {
	w.header.SidecarSHA256 = hex.EncodeToString(sum[:])
}

// Finish writes the head and ends the workers. f may be nil; then the header has no fidelity_stats. Too few indices are
// ErrShape, fidelity_stats too long for the header ErrHeader. After an error w holds nothing usable.
func (w *Writer) Finish(f *FidelityStats) (WriteStats, error) {
	return w.blocks.finish(func(table []byte) ([]byte, error) { return w.marshalHead(f, table) })
}

func (w *Writer) marshalHead(f *FidelityStats, table []byte) ([]byte, error) {
	h := w.header
	h.Fidelity = f
	if h.SidecarSHA256 != "" && !w.sidecar {
		return nil, fmt.Errorf("%w: no room was kept for %s", ErrHeader, keySidecarSum)
	}
	text, err := marshalHeader(&h, w.extra)
	if err != nil {
		return nil, err
	}
	if len(text) > w.headerLen {
		return nil, fmt.Errorf("%w: fidelity_stats need %d bytes more than were kept for them", ErrHeader, len(text)-w.headerLen)
	}
	return appendHead(magicV2, text, w.headerLen, appendCodebook(nil, w.codebook), table), nil
}

// appendHead puts a head together: the header's text filled up to headerLen with spaces, what follows it, and the block
// index.
func appendHead(magic string, text []byte, headerLen int, section, table []byte) []byte {
	head := make([]byte, 0, prefixLen+headerLen+len(section)+4+len(table))
	head = append(head, magic...)
	head = binary.LittleEndian.AppendUint16(head, 1)
	head = binary.LittleEndian.AppendUint16(head, uint16(headerLen))
	head = append(head, text...)
	for len(head) < prefixLen+headerLen {
		head = append(head, ' ')
	}
	head = append(head, section...)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(table)/indexEntryLen))
	head = append(head, table...)
	sealHead(head, prefixLen+headerLen)
	return head
}

// Abort ends the workers; what w holds is not a CDNA file. After Finish it does nothing.
func (w *Writer) Abort() { w.blocks.abort() }

// sourceDate is the time written when none is given: output must not depend on when it is made. The variable is that of
// reproducible-builds.org: seconds since 1970.
func sourceDate() (string, error) {
	var seconds int64
	if s := os.Getenv("SOURCE_DATE_EPOCH"); s != "" {
		var err error
		if seconds, err = strconv.ParseInt(s, 10, 64); err != nil || seconds < 0 {
			return "", fmt.Errorf("%w: SOURCE_DATE_EPOCH=%q is not a number of seconds", ErrHeader, s)
		}
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339), nil
}
