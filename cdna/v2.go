package cdna

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/codec"
)

const (
	prefixLen     = 8  // magic, u16 version, u16 header length
	indexEntryLen = 48 // u64 offset, u32 comp_len, u32 decomp_len, 32 bytes SHA-256
)

// readHead reads and checks everything of a v2 file but its blocks.
func (f *File) readHead(ctx context.Context) error {
	f.version = 2
	head, err := f.readHeader(ctx, KindCDNA2)
	if err != nil {
		return err
	}
	headerEnd := len(head)
	var sum string
	if f.header, sum, err = parseHeader(head[prefixLen:]); err != nil {
		return err
	}
	if f.grid, err = newGrid(f.header.Rows, f.header.Cols, f.header.BlockRows, 1); err != nil {
		return err
	}
	if f.codec, err = openCodec(f.header.Encoding, 0); err != nil {
		return err
	}
	if head, err = f.extendHead(ctx, head, headerEnd+codebookBytes, "codebook"); err != nil {
		return err
	}
	parseCodebook(&f.codebook, head[headerEnd:])
	return f.readTable(ctx, head, headerEnd, sum)
}

// readHeader reads the head up to the end of the header's text, which begins at prefixLen.
func (f *Blocks) readHeader(ctx context.Context, kind Kind) ([]byte, error) {
	head, err := f.extendHead(ctx, nil, prefixLen, "header")
	if err != nil {
		return nil, err
	}
	if v := binary.LittleEndian.Uint16(head[4:]); v != 1 {
		return nil, fmt.Errorf("%w: %v revision %d, want 1", ErrVersion, kind, v)
	}
	return f.extendHead(ctx, head, prefixLen+int(binary.LittleEndian.Uint16(head[6:])), "header")
}

// readTable reads the number of blocks and their index, which follow the head so far, and checks the head's sum, unless
// that is empty; the header's text ends at headerEnd. It keeps the sum as the file's fingerprint.
func (f *Blocks) readTable(ctx context.Context, head []byte, headerEnd int, sum string) error {
	tableStart := len(head) + 4
	head, err := f.extendHead(ctx, head, tableStart, "number of blocks")
	if err != nil {
		return err
	}
	count := int64(binary.LittleEndian.Uint32(head[tableStart-4:]))
	if n := f.grid.blocks(); count != int64(f.header.NumBlocks) || count != int64(n) {
		return fmt.Errorf("%w: %d in the index, %d in the header, %d by the shape [%d, %d] in blocks of %d rows",
			ErrBlockCount, count, f.header.NumBlocks, n, f.grid.rows, f.grid.cols, f.grid.blockRows)
	}
	if int64(tableStart)+count*indexEntryLen > f.size {
		return fmt.Errorf("%w: block index at byte %d needs %d bytes, the file has %d", ErrTruncated, tableStart, count*indexEntryLen, f.size)
	}
	if head, err = f.extendHead(ctx, head, tableStart+int(count)*indexEntryLen, "block index"); err != nil {
		return err
	}
	if f.headSum, err = checkHead(head, headerEnd, sum); err != nil {
		return err
	}
	return f.readIndex(head[tableStart:], int64(len(head)))
}

// extendHead reads on until the head has n bytes; n has to be reasonable for the file's size.
func (f *Blocks) extendHead(ctx context.Context, head []byte, n int, what string) ([]byte, error) {
	if int64(n) > f.size {
		return nil, fmt.Errorf("%w: %s ends at byte %d, the file has %d", ErrTruncated, what, n, f.size)
	}
	longer := make([]byte, n)
	have := copy(longer, head)
	return longer, readAt(ctx, f.data, longer[have:], int64(have), what)
}

// readIndex takes over the block index. Blocks must follow each other from the end of the head to the end of the file,
// without gaps: then every byte of a file is accounted for.
func (f *Blocks) readIndex(table []byte, next int64) error {
	start := next
	f.blocks = make([]Block, f.grid.blocks())
	for i := range f.blocks {
		entry := table[i*indexEntryLen:]
		offset := binary.LittleEndian.Uint64(entry)
		packed := int64(binary.LittleEndian.Uint32(entry[8:]))
		plain := int64(binary.LittleEndian.Uint32(entry[12:]))
		first, rows := f.grid.span(i)
		if want := int64(rows) * int64(f.grid.rowBytes()); plain != want {
			return fmt.Errorf("block %d: %w: %d bytes, want %d for %d rows", i, ErrBlockSize, plain, want, rows)
		}
		if err := f.grid.checkSizes(packed, rows, f.codec); err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
		if f.codec == nil && packed != plain {
			return fmt.Errorf("block %d: %w: %d bytes stored for %d", i, ErrBlockSize, packed, plain)
		}
		if offset != uint64(next) {
			return fmt.Errorf("block %d: %w: at byte %d, want %d where the one before ends", i, ErrBlockIndex, offset, next)
		}
		next += packed
		if next > f.size {
			return fmt.Errorf("block %d: %w: it ends at byte %d, the file has %d", i, ErrTruncated, next, f.size)
		}
		b := Block{Offset: int64(offset), CompLen: int(packed), DecompLen: int(plain), FirstRow: first, Rows: rows}
		copy(b.SHA256[:], entry[16:])
		f.blocks[i] = b
		f.maxComp = max(f.maxComp, b.CompLen)
	}
	if next != f.size {
		return fmt.Errorf("%w: %d bytes after the last block", ErrBlockIndex, f.size-next)
	}
	return checkTotal(next-start, f.grid.bytes())
}

// openCodec returns nil for "none": such blocks need no decoding.
func openCodec(name string, level int) (codec.Codec, error) {
	c, err := codec.New(name, level)
	switch {
	case errors.Is(err, codec.ErrLevel):
		return nil, err // which is our ErrLevel
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrCodec, err)
	}
	if name == "none" {
		return nil, nil
	}
	return c, nil
}

func parseCodebook(values *[codebookEntries]float32, raw []byte) {
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
}

func appendCodebook(dst []byte, values []float32) []byte {
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	return append(dst, make([]byte, 4*(codebookEntries-len(values)))...)
}
