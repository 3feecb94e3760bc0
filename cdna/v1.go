package cdna

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/storage"
)

const (
	headV1      = 4 + 4 + 4 + 4 + codebookBytes + 4 + 4
	blockRowsV1 = 32 // of the virtual blocks that a v1 file is served in
	zlibLevelV1 = 6
)

// loadV1 inflates a v1 file, for as long as ctx lasts, and cuts the indices into virtual blocks.
func (f *File) loadV1(ctx context.Context) error {
	f.version = 1
	file := storage.Uncached(f.data) // it is read once
	head := make([]byte, headV1)
	if err := readAt(ctx, file, head, 0, "header"); err != nil {
		return err
	}
	if v := binary.LittleEndian.Uint32(head[4:]); v != 1 {
		return fmt.Errorf("%w: CDNA v1 revision %d, want 1", ErrVersion, v)
	}
	rows, cols := binary.LittleEndian.Uint32(head[8:]), binary.LittleEndian.Uint32(head[12:])
	var err error
	if f.grid, err = newGrid(int(rows), int(cols), blockRowsV1, 1); err != nil {
		return err
	}
	parseCodebook(&f.codebook, head[16:])
	plain := int64(binary.LittleEndian.Uint32(head[headV1-8:]))
	packed := int64(binary.LittleEndian.Uint32(head[headV1-4:]))
	if plain != f.grid.bytes() {
		return fmt.Errorf("%w: %d indices for [%d, %d]", ErrBlockSize, plain, rows, cols)
	}
	if packed > f.size-headV1 {
		return fmt.Errorf("%w: %d packed bytes at byte %d, the file has %d", ErrTruncated, packed, headV1, f.size)
	}
	if packed < f.size-headV1 {
		return fmt.Errorf("%w: %d bytes after the packed data", ErrCorrupt, f.size-headV1-packed)
	}
	if err := checkInflated(packed, plain); err != nil {
		return err
	}
	stream := make([]byte, packed)
	if err := readAt(ctx, file, stream, headV1, "packed indices"); err != nil {
		return err
	}
	var indices []byte
	z, err := newInflater(ctx, stream)
	if err == nil {
		indices, err = z.next(plain)
	}
	if err == nil {
		err = z.finish()
	}
	if err != nil {
		return fmt.Errorf("packed indices at byte %d: %w", headV1, err)
	}

	f.data = bytes.NewReader(indices)
	f.blocks = make([]Block, f.grid.blocks())
	for i := range f.blocks {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		first, n := f.grid.span(i)
		part := indices[first*f.grid.cols:][:n*f.grid.cols]
		f.blocks[i] = Block{
			Offset: int64(first * f.grid.cols), CompLen: len(part), DecompLen: len(part),
			SHA256: sha256.Sum256(part), FirstRow: first, Rows: n,
		}
	}
	f.maxComp = f.MaxBlockLen()
	f.header = Header{DType: dtype.U8, Rows: f.grid.rows, Cols: f.grid.cols, BlockRows: blockRowsV1, NumBlocks: len(f.blocks), Encoding: "zlib"}
	return nil
}

// WriteV1 writes a v1 file: at most 256 codebook values (zeros follow if fewer) and rows*cols indices, row by row. It
// holds the packed indices in memory. The format's limit is 2^32-1 indices, plain and packed; beyond it, or when the
// lengths disagree, ErrShape.
func WriteV1(w io.Writer, rows, cols int, codebook []float32, indices []byte) error {
	g, err := newGrid(rows, cols, blockRowsV1, 1)
	if err != nil {
		return err
	}
	if g.bytes() > math.MaxUint32 {
		return fmt.Errorf("%w: v1 holds at most 2^32-1 indices, not [%d, %d]", ErrShape, rows, cols)
	}
	if int64(len(indices)) != g.bytes() {
		return fmt.Errorf("%w: %d indices for [%d, %d]", ErrShape, len(indices), rows, cols)
	}
	if len(codebook) > codebookEntries {
		return fmt.Errorf("%w: %d codebook entries, at most %d", ErrShape, len(codebook), codebookEntries)
	}
	packed, err := deflate(zlibLevelV1, indices)
	if err != nil {
		return err
	}
	if int64(len(packed)) > math.MaxUint32 {
		return fmt.Errorf("%w: v1 holds at most 2^32-1 packed bytes, not %d", ErrShape, len(packed))
	}
	head := append(make([]byte, 0, headV1), magicV1...)
	for _, v := range []int{1, rows, cols} {
		head = binary.LittleEndian.AppendUint32(head, uint32(v))
	}
	head = appendCodebook(head, codebook)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(indices)))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(packed)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err = w.Write(packed)
	return err
}

// CreateV1 writes a v1 file under its name, which it gets only when it is whole. See WriteV1.
func CreateV1(path string, rows, cols int, codebook []float32, indices []byte) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		if err := WriteV1(w, rows, cols, codebook, indices); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}
