package cdna

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/codec"
	"github.com/helix-substrate/helix-substrate/storage"
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
	cache      *cached  // nil for none
	// rule is what the bytes that sums are of must keep to besides; nil: any will do.
	rule func(i int, b []byte) error

	data   io.ReaderAt // what Block.Offset counts in: the file, or the inflated indices of a v1 file
	codec  codec.Codec // nil when blocks are stored as they are
	closer io.Closer   // what Open opened

	packed sync.Pool // *[]byte of maxComp bytes
	plain  sync.Pool // *[]byte of a full block
}

// open reads the head of a file that must be of a kind. Errors name the file.
func (b *Blocks) open(ctx context.Context, want Kind, readHead func(context.Context) error) error {
	kind, err := Detect(ctx, b.data)
	switch {
	case err != nil:
		err = fmt.Errorf("reading magic: %w", err)
	case b.size < 4:
		err = fmt.Errorf("%w: %d bytes", ErrTruncated, b.size)
	case kind == want:
		err = readHead(ctx)
	default:
		err = fmt.Errorf("%w: it is %v, not %v", ErrFormat, kind, want)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", b.name, err)
	}
	return nil
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
	SHA256    [32]byte // of the unpacked bytes; of the packed ones where Blocks.InTiles
	FirstRow  int
	Rows      int
}

// Open opens a v1 or v2 file, told apart by its first bytes. Close releases it. What is not a regular file is
// ErrNotRegular.
func Open(path string) (*File, error) { return OpenContext(context.Background(), path) }

// OpenContext is Open, which inflates a v1 file whole, for as long as ctx lasts.
func OpenContext(ctx context.Context, path string) (*File, error) {
	return openPath(ctx, path, NewFile)
}

// openPath opens the file at path in one of the formats, which Close then closes.
func openPath[F interface{ CloseWith(io.Closer) }](ctx context.Context, path string, open func(context.Context, io.ReaderAt, int64, string) (F, error)) (f F, err error) {
	file, err := storage.OpenFile(path)
	if err != nil {
		return f, err
	}
	if f, err = open(ctx, file, file.Size(), path); err != nil {
		file.Close()
		return f, err
	}
	f.CloseWith(file)
	return f, nil
}

// NewFile reads a v1 or v2 file of size bytes from r. The name is for error messages only. r must allow concurrent
// ReadAt, stay valid as long as the File is used, and is not closed by Close.
//
// The header, the codebook and the block index are read and checked here; blocks are read when asked for. A v1 file is
// inflated whole, since it has no random access.
func NewFile(ctx context.Context, r io.ReaderAt, size int64, name string) (*File, error) {
	f := &File{Blocks: Blocks{name: name, size: size, data: r}}
	kind, err := Detect(ctx, r)
	switch {
	case err != nil:
		err = fmt.Errorf("reading magic: %w", err)
	case size < 4:
		err = fmt.Errorf("%w: %d bytes", ErrTruncated, size)
	case kind == KindCDNA1:
		err = f.loadV1(ctx)
	case kind == KindCDNA2:
		err = f.readHead(ctx)
	case kind == KindSidecar:
		err = fmt.Errorf("%w: it is an outlier sidecar (HXZO)", ErrFormat)
	case kind == KindLossless:
		err = fmt.Errorf("%w: it is a lossless matrix (%s), which has no codebook", ErrFormat, magicLossless)
	case kind == KindLattice:
		err = fmt.Errorf("%w: it is a lattice matrix (%s), which has no codebook", ErrFormat, magicLattice)
	default:
		err = fmt.Errorf("%w: it does not start with %s or %s", ErrFormat, magicV2, magicV1)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// CloseWith has Close close c, such as the file that NewFile was given.
func (f *Blocks) CloseWith(c io.Closer) { f.closer = c }

// Close closes the file if [Open] or [OpenLossless] opened it, or what CloseWith named. No other method may run then or later.
func (f *Blocks) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Uncached returns f with reads of blocks that do not stay in the system's page cache, where what it was opened from
// offers that (see storage.Uncached). It is valid as long as f is open; closing it does nothing.
func (f *File) Uncached() *File { return &File{f.uncached(), f.version, f.codebook} }

// Uncached is as that of a File.
func (f *Lossless) Uncached() *Lossless { return &Lossless{f.uncached()} }

func (f *Blocks) uncached() Blocks {
	return Blocks{
		name: f.name, size: f.size, header: f.header, grid: f.grid, blocks: f.blocks, maxComp: f.maxComp, headSum: f.headSum,
		packedSums: f.packedSums, cache: f.cache, rule: f.rule, data: storage.Uncached(f.data), codec: f.codec,
	}
}

// Base returns f: what a File and a Lossless have in common.
func (f *Blocks) Base() *Blocks { return f }

// Name returns the path or the name given to NewFile.
func (f *Blocks) Name() string { return f.name }

// Note says what a reader should know of the file, for people; "" of most. Files of version 1 have no hashes.
func (f *File) Note() string {
	if f.version > 1 {
		return ""
	}
	return f.name + ": " + Version1Note
}

// Version1Note is what a reader should know of files of version 1, for people.
const Version1Note = "files of version 1 have no hashes: damage to their codebooks goes unnoticed"

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

// EntriesKey is the key among a header's others by which files written here say how many values their codebook has; the
// format pads it to 256.
const EntriesKey = "codebook_entries"

// Entries returns how many values of the codebook are in use, 1 to 256: as many as the header says or, where it does not, as
// there are before the padding. An index may still be one of the padding.
func (f *File) Entries() int {
	var n int
	if text, ok := f.header.Extra[EntriesKey]; ok && json.Unmarshal(text, &n) == nil && n >= 1 && n <= codebookEntries {
		return n
	}
	n = codebookEntries
	for n > 1 && f.codebook[n-1] == 0 {
		n--
	}
	return n
}

// NumBlocks returns the number of blocks, at least 1.
func (f *Blocks) NumBlocks() int { return len(f.blocks) }

// Block returns the description of block i, 0 <= i < NumBlocks.
func (f *Blocks) Block(i int) Block { return f.blocks[i] }

// MaxCompLen returns the largest CompLen of all blocks.
func (f *Blocks) MaxCompLen() int { return f.maxComp }

// MaxBlockLen returns the largest DecompLen of all blocks.
func (f *Blocks) MaxBlockLen() int { return f.grid.maxBlock() }

// MaxBlockWeights returns the number of weights in a full block.
func (f *Blocks) MaxBlockWeights() int { return f.MaxBlockLen() / f.grid.width }

// readAt fills buf from offset off of a file of size bytes; what names the part in errors. A part beyond the end is
// ErrTruncated.
func readAt(ctx context.Context, r io.ReaderAt, buf []byte, off int64, what string) error {
	n, err := storage.ReadAt(ctx, r, buf, off)
	if n == len(buf) {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s at byte %d needs %d bytes, %d are there", ErrTruncated, what, off, len(buf), n)
	}
	return fmt.Errorf("%s at byte %d: %w", what, off, err)
}
