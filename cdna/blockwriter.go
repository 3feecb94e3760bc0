package cdna

import (
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/codec"
)

// A blockWriter cuts the bytes of a matrix into blocks, which a packer packs and writes, and puts the head in front of
// them at the end.
type blockWriter struct {
	w       io.WriterAt
	grid    grid
	headLen int64

	pack     *packer
	filling  *job  // the block that write appends to
	received int64 // bytes
	closed   bool
}

// newWritableGrid is newGrid for a file to be written, which cannot have more blocks than the index can count.
func newWritableGrid(rows, cols, blockRows, width int) (grid, error) {
	g, err := newGrid(rows, cols, blockRows, width)
	if err == nil && int64(g.blocks()) > math.MaxUint32 {
		err = fmt.Errorf("%w: %d blocks, at most 2^32-1", ErrBlockCount, g.blocks())
	}
	return g, err
}

// newBlockWriter starts the workers, as many as threads says (0: GOMAXPROCS). The head will take headLen bytes.
func newBlockWriter(w io.WriterAt, g grid, headLen int64, c codec.Codec, threads int) blockWriter {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return blockWriter{w: w, grid: g, headLen: headLen, pack: newPacker(w, g, headLen, c, min(threads, g.blocks()))}
}

func (w *blockWriter) write(p []byte) (int, error) {
	if w.closed {
		return 0, errClosed
	}
	written := 0
	for written < len(p) {
		if w.received == w.grid.bytes() {
			return written, fmt.Errorf("%w: more data than [%d, %d] has", ErrShape, w.grid.rows, w.grid.cols)
		}
		if w.filling == nil {
			job, err := w.pack.free()
			if err != nil {
				return written, err
			}
			_, rows := w.grid.span(int(w.received / int64(w.grid.maxBlock())))
			job.want = rows * w.grid.rowBytes()
			job.plain = slices.Grow(job.plain[:0], job.want)
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

// finish waits for the blocks and writes the head that marshal makes of the block index.
func (w *blockWriter) finish(marshal func(table []byte) ([]byte, error)) (WriteStats, error) {
	if w.closed {
		return WriteStats{}, errClosed
	}
	w.closed = true
	table, end, err := w.pack.stop()
	if err != nil {
		return WriteStats{}, err
	}
	if w.received != w.grid.bytes() {
		return WriteStats{}, fmt.Errorf("%w: %d bytes written, [%d, %d] has %d", ErrShape, w.received, w.grid.rows, w.grid.cols, w.grid.bytes())
	}
	head, err := marshal(table)
	if err == nil { // no codec of ours fails this: what is written can be read
		err = checkTotal(end-w.headLen, w.grid.bytes())
	}
	if err != nil {
		return WriteStats{}, err
	}
	if err := writeAt(w.w, head, 0); err != nil {
		return WriteStats{}, fmt.Errorf("writing header: %w", err)
	}
	return WriteStats{
		IndexBytes:      w.grid.bytes(),
		CompressedBytes: end - w.headLen,
		TotalBytes:      end,
		NumBlocks:       w.grid.blocks(),
	}, nil
}

// abort ends the workers, unless finish has.
func (w *blockWriter) abort() {
	if !w.closed {
		w.closed = true
		w.pack.fail(errors.New("aborted"))
		w.pack.stop()
	}
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
