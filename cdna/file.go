package cdna

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/codec"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// Blocks is what the formats have in common: a matrix in blocks of whole rows, each packed and checksummed by itself. Its
// methods are those of an open [File] or [Lossless]. All but Close are safe for concurrent use.
type Blocks struct {
	name    string
	size    int64
	header  Header
	grid    grid
	blocks  []Block
	maxComp int
	headSum string // in hex, see headsum.go; empty for v1

	packedSums []uint32 // see packedsums.go; nil if they are not known

	data   io.ReaderAt // what Block.Offset counts in: the file, or the inflated indices of a v1 file
	codec  codec.Codec // nil when blocks are stored as they are
	closer io.Closer   // what Open opened

	packed sync.Pool // *[]byte of maxComp bytes
	plain  sync.Pool // *[]byte of a full block
}

// File is an open CDNA file, v1 or v2: blocks of indices into a codebook, a byte each.
type File struct {
	Blocks
	version  int
	codebook [codebookEntries]float32
}

// Block says where a block lies and what it holds.
type Block struct {
	Offset    int64    // of its packed bytes in the file (v1: of its indices in the inflated stream)
	CompLen   int      // packed bytes
	DecompLen int      // unpacked bytes: Rows * cols, times the size of an element in a lossless file
	SHA256    [32]byte // of the unpacked bytes
	FirstRow  int
	Rows      int
}

// Open opens a v1 or v2 file, told apart by its first bytes. Close releases it. What is not a regular file is
// ErrNotRegular.
func Open(path string) (*File, error) {
	file, size, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := NewFile(file, size, path)
	if err != nil {
		file.Close()
		return nil, err
	}
	f.closer = file
	return f, nil
}

// NewFile reads a v1 or v2 file of size bytes from r. The name is for error messages only. r must allow concurrent
// ReadAt, stay valid as long as the File is used, and is not closed by Close.
//
// The header, the codebook and the block index are read and checked here; blocks are read when asked for. A v1 file is
// inflated whole, since it has no random access.
func NewFile(r io.ReaderAt, size int64, name string) (*File, error) {
	f := &File{Blocks: Blocks{name: name, size: size, data: r}}
	kind, err := Detect(r)
	switch {
	case err != nil:
		err = fmt.Errorf("reading magic: %w", err)
	case size < 4:
		err = fmt.Errorf("%w: %d bytes", ErrTruncated, size)
	case kind == KindCDNA1:
		err = f.loadV1()
	case kind == KindCDNA2:
		err = f.readHead()
	case kind == KindSidecar:
		err = fmt.Errorf("%w: it is an outlier sidecar (HXZO)", ErrFormat)
	case kind == KindLossless:
		err = fmt.Errorf("%w: it is a lossless matrix (%s), which has no codebook", ErrFormat, magicLossless)
	default:
		err = fmt.Errorf("%w: it does not start with %s or %s", ErrFormat, magicV2, magicV1)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Close closes the file if [Open] or [OpenLossless] opened it. No other method may run then or later.
func (f *Blocks) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Name returns the path or the name given to NewFile.
func (f *Blocks) Name() string { return f.name }

// Version returns 1 or 2. Blocks of a v1 file are virtual: 32 rows each, served from memory.
func (f *File) Version() int { return f.version }

// Size returns the length of the file in bytes.
func (f *Blocks) Size() int64 { return f.size }

// Header returns the header, which is shared: do not change it.
func (f *Blocks) Header() *Header { return &f.header }

// Rows returns the number of rows, at least 1.
func (f *Blocks) Rows() int { return f.grid.rows }

// Cols returns the number of columns, at least 1.
func (f *Blocks) Cols() int { return f.grid.cols }

// Codebook returns the value of each index. Entries that no index uses are usually zero; nothing is promised about
// their bits, and NaN and infinities are passed on as they are.
func (f *File) Codebook() [256]float32 { return f.codebook }

// NumBlocks returns the number of blocks, at least 1.
func (f *Blocks) NumBlocks() int { return len(f.blocks) }

// Block returns the description of block i, 0 <= i < NumBlocks.
func (f *Blocks) Block(i int) Block { return f.blocks[i] }

// MaxCompLen returns the largest CompLen of all blocks.
func (f *Blocks) MaxCompLen() int { return f.maxComp }

// MaxBlockLen returns the largest DecompLen of all blocks.
func (f *Blocks) MaxBlockLen() int { return f.grid.maxBlock() }

// readAt fills buf from offset off of a file of size bytes; what names the part in errors. A part beyond the end is
// ErrTruncated.
func readAt(r io.ReaderAt, buf []byte, off int64, what string) error {
	n, err := r.ReadAt(buf, off)
	if n == len(buf) {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s at byte %d needs %d bytes, %d are there", ErrTruncated, what, off, len(buf), n)
	}
	return fmt.Errorf("%s at byte %d: %w", what, off, err)
}
