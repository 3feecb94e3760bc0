package cdna

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
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
	IndexBytes      int64 // rows * cols
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
	w         io.WriterAt
	header    Header
	extra     map[string]any
	codebook  []float32
	grid      grid
	headerLen int  // room for the JSON
	sidecar   bool // with room for the sidecar's sum

	pack     *packer
	filling  *job  // the block that Write appends to
	received int64 // indices
	closed   bool
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
	g, err := newGrid(o.Rows, o.Cols, o.BlockRows)
	if err != nil {
		return nil, err
	}
	if int64(g.blocks()) > math.MaxUint32 {
		return nil, fmt.Errorf("%w: %d blocks, at most 2^32-1", ErrBlockCount, g.blocks())
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
		w:        w,
		extra:    o.Extra,
		codebook: append([]float32(nil), o.Codebook...),
		grid:     g,
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
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	wr.pack = newPacker(w, wr.headLen(), c, min(threads, g.blocks()))
	return wr, nil
}

func (w *Writer) headLen() int64 {
	return prefixLen + int64(w.headerLen) + codebookBytes + 4 + indexEntryLen*int64(w.grid.blocks())
}

// Write takes the next indices, row by row, cut in any way. p is free for reuse afterwards. More indices than the shape
// has are ErrShape; an error of packing or of the underlying writer may come back at any later call.
func (w *Writer) Write(p []byte) (int, error) {
	if w.closed {
		return 0, errClosed
	}
	written := 0
	for written < len(p) {
		if w.received == w.grid.indices() {
			return written, fmt.Errorf("%w: more indices than [%d, %d] has", ErrShape, w.grid.rows, w.grid.cols)
		}
		if w.filling == nil {
			job, err := w.pack.free()
			if err != nil {
				return written, err
			}
			_, rows := w.grid.span(int(w.received / int64(w.grid.maxBlock())))
			job.plain = slices.Grow(job.plain[:0], rows*w.grid.cols)
			job.want = rows * w.grid.cols
			w.filling = job
		}
		job := w.filling
		n := min(len(p)-written, job.want-len(job.plain))
		job.plain = append(job.plain, p[written:written+n]...)
		written += n
		w.received += int64(n)
		if len(job.plain) == job.want {
			w.pack.submit(job)
			w.filling = nil
		}
	}
	return written, nil
}

// SetSidecar records the SHA-256 of the bytes of the sidecar file that belongs to the matrix, as CreateSidecar returns it
// (File.CheckSidecar compares it). It must be called before Finish, which fails with ErrHeader if WriterOptions.Sidecar
// has not kept room; room that is not used becomes spaces.
func (w *Writer) SetSidecar(sum [sha256.Size]byte) {
	w.header.SidecarSHA256 = hex.EncodeToString(sum[:])
}

// Finish writes the head and ends the workers. f may be nil; then the header has no fidelity_stats. Too few indices are
// ErrShape, fidelity_stats too long for the header ErrHeader. After an error w holds nothing usable.
func (w *Writer) Finish(f *FidelityStats) (WriteStats, error) {
	if w.closed {
		return WriteStats{}, errClosed
	}
	w.closed = true
	table, end, err := w.pack.stop()
	if err != nil {
		return WriteStats{}, err
	}
	if w.received != w.grid.indices() {
		return WriteStats{}, fmt.Errorf("%w: %d indices written, [%d, %d] has %d", ErrShape, w.received, w.grid.rows, w.grid.cols, w.grid.indices())
	}
	head, err := w.marshalHead(f, table)
	if err == nil { // no codec of ours fails this: what is written can be read
		err = checkTotal(end-w.headLen(), w.grid.indices())
	}
	if err != nil {
		return WriteStats{}, err
	}
	if err := writeAt(w.w, head, 0); err != nil {
		return WriteStats{}, fmt.Errorf("writing header: %w", err)
	}
	return WriteStats{
		IndexBytes:      w.grid.indices(),
		CompressedBytes: end - int64(len(head)),
		TotalBytes:      end,
		NumBlocks:       w.grid.blocks(),
	}, nil
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
	head := make([]byte, 0, w.headLen())
	head = append(head, magicV2...)
	head = binary.LittleEndian.AppendUint16(head, 1)
	head = binary.LittleEndian.AppendUint16(head, uint16(w.headerLen))
	head = append(head, text...)
	for len(head) < prefixLen+w.headerLen {
		head = append(head, ' ')
	}
	head = appendCodebook(head, w.codebook)
	head = binary.LittleEndian.AppendUint32(head, uint32(w.grid.blocks()))
	head = append(head, table...)
	sealHead(head, prefixLen+w.headerLen)
	return head, nil
}

// Abort ends the workers; what w holds is not a CDNA file. After Finish it does nothing.
func (w *Writer) Abort() {
	if !w.closed {
		w.closed = true
		w.pack.fail(errors.New("aborted"))
		w.pack.stop()
	}
}

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

func writeAt(w io.WriterAt, p []byte, off int64) error {
	n, err := w.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("%d bytes at byte %d: %w", len(p), off, err)
	}
	return nil
}
