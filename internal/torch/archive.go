package torch

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/dtype"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// maxPickle bounds data.pkl: some 300 bytes a tensor.
const maxPickle = 100_000_000

// archive is the zip archive of a checkpoint, checked: entries are stored as they
// are, within the file, none over another.
type archive struct {
	r         io.ReaderAt
	folder    string // with the slash
	entries   map[string]*entry
	sorted    []*entry // by offset
	bigEndian bool
}

// entry is one file of the archive: bytes [offset, offset+size) of the whole.
type entry struct {
	name         string
	offset, size int64
}

// storage is a run of numbers that tensors are views of.
type storage struct {
	key       string
	offset    int64 // of its first byte in the file
	n         int64 // elements
	dtype     dtype.Type
	bigEndian bool
}

// swapped tells whether elements as stored are not little-endian.
func (s *storage) swapped() bool { return s.bigEndian && s.dtype.Size() > 1 }

func openArchive(ctx context.Context, r io.ReaderAt, size int64) (*archive, error) {
	if err := checkKind(ctx, r, size); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(place.WithContext(ctx, r), size)
	switch {
	case errors.Is(err, zip.ErrFormat):
		// It begins as an archive, whose directory lies at the end.
		return nil, fmt.Errorf("%w: no whole zip directory at the end", ErrTruncated)
	case err != nil:
		return nil, fmt.Errorf("%w: zip directory: %w", ErrFormat, err)
	}
	a := &archive{r: r, entries: map[string]*entry{}}
	for _, f := range z.File {
		e, err := checkEntry(f, size)
		if err != nil {
			return nil, fmt.Errorf("zip entry %q: %w", f.Name, err)
		}
		if a.entries[e.name] != nil {
			return nil, fmt.Errorf("zip entry %q appears twice: %w", e.name, ErrFormat)
		}
		a.entries[e.name] = e
		a.sorted = append(a.sorted, e)
	}
	slices.SortFunc(a.sorted, func(x, y *entry) int {
		return cmp.Or(cmp.Compare(x.offset, y.offset), cmp.Compare(x.size, y.size), cmp.Compare(x.name, y.name))
	})
	at := int64(0)
	for _, e := range a.sorted {
		const header = 30 // bytes at least, and the name, lie before an entry's
		if e.offset-header-int64(len(e.name)) < at {
			return nil, fmt.Errorf("zip entry %q overlaps the one before: %w", e.name, ErrFormat)
		}
		at = e.offset + e.size
	}
	return a, a.checkContents(ctx)
}

// checkKind tells other kinds of files apart from a zip archive, by how they begin.
func checkKind(ctx context.Context, r io.ReaderAt, size int64) error {
	head := make([]byte, min(size, 512))
	if err := readFull(ctx, r, head, 0); err != nil {
		return err
	}
	const legacyMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" // 0x1950a86a20f9469cfc6c
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil
	case len(head) < 4:
		return fmt.Errorf("%d bytes: %w", len(head), ErrTruncated)
	case head[0] == opProto && bytes.Contains(head[:min(len(head), 32)], []byte(legacyMagic)):
		return ErrLegacy
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return fmt.Errorf("a tar archive: %w", ErrLegacy)
	case bytes.HasPrefix(head, []byte("version https://git-lfs")):
		return fmt.Errorf("%w: a Git LFS pointer (fetch the file itself: git lfs pull)", ErrFormat)
	}
	return fmt.Errorf("%w: it does not begin as a zip archive", ErrFormat)
}

// checkEntry finds an entry's bytes, which must lie within the file.
func checkEntry(f *zip.File, size int64) (*entry, error) {
	const encrypted = 1
	if f.Method != zip.Store || f.Flags&encrypted != 0 || f.CompressedSize64 != f.UncompressedSize64 {
		return nil, fmt.Errorf("%w: compressed or encrypted, which torch.save never does", ErrFormat)
	}
	offset, err := f.DataOffset()
	switch {
	case errors.Is(err, zip.ErrFormat):
		return nil, fmt.Errorf("%w: no header where the directory says", ErrFormat)
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: its header", ErrTruncated)
	case err != nil:
		return nil, truncated(err)
	case offset < 0 || offset > size || f.UncompressedSize64 > uint64(size-offset):
		return nil, fmt.Errorf("%d bytes at byte %d of %d: %w", f.UncompressedSize64, offset, size, ErrTruncated)
	}
	return &entry{name: f.Name, offset: offset, size: int64(f.UncompressedSize64)}, nil
}

// checkContents finds the folder and reads the byte order.
func (a *archive) checkContents(ctx context.Context) error {
	const pickleName = "/data.pkl"
	for _, e := range a.sorted {
		if folder, ok := strings.CutSuffix(e.name, pickleName); ok && !strings.Contains(folder, "/") {
			if a.folder != "" {
				return fmt.Errorf("%w: two entries %q and %q", ErrFormat, a.folder+pickleName[1:], e.name)
			}
			a.folder = folder + "/"
		}
	}
	if a.folder == "" {
		return fmt.Errorf("%w: no data.pkl in the archive", ErrFormat)
	}
	if a.entries[a.folder+"constants.pkl"] != nil {
		return fmt.Errorf("%w: a TorchScript program", ErrFormat)
	}
	e := a.entries[a.folder+"byteorder"]
	if e == nil { // before PyTorch 2.1
		return nil
	}
	order := make([]byte, min(e.size, 8))
	if err := readFull(ctx, a.r, order, e.offset); err != nil {
		return err
	}
	switch string(order) {
	case "little":
	case "big":
		a.bigEndian = true
	default:
		return fmt.Errorf("%w: byteorder %q", ErrFormat, order)
	}
	return nil
}

// pickle reads data.pkl.
func (a *archive) pickle(ctx context.Context) ([]byte, error) {
	e := a.entries[a.folder+"data.pkl"]
	if e.size > maxPickle {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrPickle, e.size, maxPickle)
	}
	text := make([]byte, e.size)
	return text, readFull(ctx, a.r, text, e.offset)
}

// storage finds the storage of that key, which must have just the n elements.
func (a *archive) storage(key string, typ dtype.Type, n int64) (*storage, error) {
	e := a.entries[a.folder+"data/"+key]
	if e == nil {
		return nil, fmt.Errorf("%w %q: not in the archive", ErrStorage, key)
	}
	if size := int64(typ.Size()); n < 0 || n != e.size/size || e.size%size != 0 {
		return nil, fmt.Errorf("%w %q: %d elements of %s, the archive has %d bytes", ErrStorage, key, n, typ, e.size)
	}
	return &storage{key: key, offset: e.offset, n: n, dtype: typ, bigEndian: a.bigEndian}, nil
}
