package cdna

import (
	"context"
	"fmt"
)

// Blocks are packed each by itself, so that a file can be put together of others that have its rows: what packs them
// may be another process, or another machine.

// CopyBlocks takes the blocks of f as the next rows, packed as they are: a matrix of w's columns, rows of a block and
// encoding, with whole blocks unless the matrix ends with it. Others are ErrShape. It does not look at f's codebook.
func (w *FileWriter) CopyBlocks(ctx context.Context, f *File) error {
	return w.named(w.blocks.copy(ctx, &w.header, &f.Blocks))
}

// CopyBlocks takes the blocks of f as the next rows, packed as they are: a matrix of w's columns, type, rows of a block
// and encoding, with whole blocks unless the matrix ends with it. Others are ErrShape.
func (w *LosslessWriter) CopyBlocks(ctx context.Context, f *Lossless) error {
	return w.named(w.blocks.copy(ctx, &w.header, &f.Blocks))
}

// copy appends the blocks of f to a file with such a header.
func (w *blockWriter) copy(ctx context.Context, h *Header, f *Blocks) error {
	last := w.received+f.grid.bytes() == w.grid.bytes()
	switch {
	case w.closed:
		return errClosed
	case f.header.Encoding != h.Encoding || h.DType != "" && f.header.DType != h.DType || f.grid.width != w.grid.width || f.grid.cols != w.grid.cols || f.grid.blockRows != w.grid.blockRows:
		return fmt.Errorf("%s: %w: [%d, %d] in blocks of %d rows by %s, want [.., %d] in blocks of %d by %s", f.name, ErrShape,
			f.grid.rows, f.grid.cols, f.grid.blockRows, f.header.Encoding, w.grid.cols, w.grid.blockRows, h.Encoding)
	case w.filling != nil || w.received+f.grid.bytes() > w.grid.bytes() || !last && f.grid.rows%f.grid.blockRows != 0:
		return fmt.Errorf("%s: %w: %d rows after %d bytes are no blocks of [%d, %d]", f.name, ErrShape, f.grid.rows, w.received, w.grid.rows, w.grid.cols)
	}
	for i, b := range f.blocks {
		job, err := w.pack.free()
		if err != nil {
			return err
		}
		job.want, job.sum = b.DecompLen, b.SHA256
		if cap(job.copied) < b.CompLen {
			job.copied = make([]byte, b.CompLen)
		}
		job.copied = job.copied[:b.CompLen]
		if err := f.ReadCompressed(ctx, job.copied, i); err != nil {
			job.copied = job.copied[:0]
			w.pack.idle <- job
			return err
		}
		w.received += int64(b.DecompLen)
		w.pack.submit(job)
	}
	return nil
}
