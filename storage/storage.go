// Package storage says where the bytes of models lie: a [Place] has files side by side, such
// as a directory on disk, a repository on the hub or a prefix of an object store, and reads
// ranges of them.
//
// Whoever keeps models elsewhere writes a Place for it; everything that reads models,
// checkpoints and their tensors takes one:
//
//	m, err := model.OpenPlace(ctx, bucket, "tinystories")
//	c, err := checkpoint.OpenPlace(ctx, bucket, "tinystories", checkpoint.Options{})
//
//	at, err := checkpoint.At(ctx, bucket, "tinystories") // to run it
//	runs, err := helix.OpenAt(ctx, at, helix.ModelOptions{})
//
// Contexts are given to each call, down to the reading of a range; none is kept.
package storage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// Place is where a model's files lie side by side. It is safe for concurrent use.
type Place interface {
	// Names lists the files, sorted; those in folders of the place need not be among them.
	Names(ctx context.Context) ([]string, error)
	// Open opens a file by its name, in which a slash parts folders; a missing one is
	// fs.ErrNotExist.
	Open(ctx context.Context, name string) (File, error)
	// Path is what a file is called in messages.
	Path(name string) string
}

// File is an open file, whose content does not change. It is safe for concurrent reading.
type File interface {
	// ReaderAt reads without a context: ReadAt(p, off) is ReadAtContext with
	// context.Background().
	io.ReaderAt
	// ReadAtContext reads as io.ReaderAt demands, and returns ctx's error when ctx is done
	// before the bytes are there.
	ReadAtContext(ctx context.Context, p []byte, off int64) (n int, err error)
	io.Closer
	// Size is the file's length in bytes.
	Size() int64
	// Stamp tells this content of the file from another, without reading it: its
	// size and time, or a hash.
	Stamp() string
}

// ReadAt reads from r as io.ReaderAt does, with ctx where r has a ReadAtContext as a File has;
// from others, which are near, unless ctx is done. If r reads otherwise than io.ReaderAt demands,
// that is ErrFile.
func ReadAt(ctx context.Context, r io.ReaderAt, p []byte, off int64) (n int, err error) {
	if c, ok := r.(interface {
		ReadAtContext(context.Context, []byte, int64) (int, error)
	}); ok {
		n, err = c.ReadAtContext(ctx, p, off)
	} else if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	} else {
		n, err = r.ReadAt(p, off)
	}
	if n < 0 || n > len(p) || n < len(p) && err == nil {
		return 0, fmt.Errorf("a read of %d bytes gave %d: %w", len(p), n, ErrFile)
	}
	return n, err
}

// Open opens a file of a place, and refuses one with a size below 0: ErrFile.
func Open(ctx context.Context, place Place, name string) (File, error) {
	f, err := place.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	if n := f.Size(); n < 0 {
		f.Close()
		return nil, fmt.Errorf("%s: a size of %d bytes: %w", place.Path(name), n, ErrFile)
	}
	return f, nil
}

// ReadFull is ReadAt for bytes that must be there: where r ends before, that is
// io.ErrUnexpectedEOF.
func ReadFull(ctx context.Context, r io.ReaderAt, p []byte, off int64) (n int, err error) {
	n, err = ReadAt(ctx, r, p, off)
	if n == len(p) {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// WithContext returns a reader of r that reads with ctx, for the length of one call.
func WithContext(ctx context.Context, r io.ReaderAt) io.ReaderAt { return bound{r, ctx} }

type bound struct {
	r   io.ReaderAt
	ctx context.Context
}

func (b bound) ReadAt(p []byte, off int64) (int, error) { return ReadAt(b.ctx, b.r, p, off) }

// Uncached returns a reader of the same bytes whose reads do not stay in the system's page
// cache, where r offers that, as files on disk do; else r.
func Uncached(r io.ReaderAt) io.ReaderAt {
	if u, ok := r.(interface{ Uncached() io.ReaderAt }); ok {
		return u.Uncached()
	}
	return r
}

// Ahead tells of n bytes from off on that will be read soon, where r, which [Uncached] has returned, can begin with that;
// it does not wait.
func Ahead(r io.ReaderAt, off, n int64) {
	if a, ok := r.(interface{ Ahead(off, n int64) }); ok {
		a.Ahead(off, n)
	}
}

// AheadRoom returns how many bytes r, which [Uncached] has returned, has room for of what it is told of by Ahead and all files of its
// place are; 0 where it does not say.
func AheadRoom(r io.ReaderAt) int64 {
	if a, ok := r.(interface{ AheadRoom() int64 }); ok {
		return a.AheadRoom()
	}
	return 0
}

// Disk returns the open file that r, which [Uncached] has returned, reads ranges of as they lie in it; nil if that is none on a disk.
func Disk(r io.ReaderAt) *os.File {
	if d, ok := r.(interface{ Disk() *os.File }); ok {
		return d.Disk()
	}
	return nil
}

// Hashed is a File whose SHA-256, in hex, its place vouches for; "" if it does not.
type Hashed interface{ SHA256() string }

// SHA256 returns the hash of a whole file, in hex: what its place vouches for, else that of
// its bytes.
func SHA256(ctx context.Context, f File) (string, error) {
	if h, ok := f.(Hashed); ok && h.SHA256() != "" {
		return h.SHA256(), nil
	}
	return Sum(ctx, f, f.Size())
}

// Sum reads size bytes of r and returns their SHA-256, in hex.
func Sum(ctx context.Context, r io.ReaderAt, size int64) (string, error) {
	return SumBy(size, func(p []byte, off int64) error {
		_, err := ReadFull(ctx, r, p, off)
		return err
	})
}

// IsSum tells a SHA-256 as Sum has it: in hex, in small letters.
func IsSum(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == sha256.Size && hex.EncodeToString(sum) == text
}

// SumBy is Sum of what read fills p with, from byte off on, a piece after the other.
func SumBy(size int64, read func(p []byte, off int64) error) (string, error) {
	h := sha256.New()
	buf := make([]byte, min(size, 1<<18))
	for at := int64(0); at < size; at += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), size-at)]
		if err := read(buf, at); err != nil {
			return "", err
		}
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// ReadFile returns the content of a file of a place. One larger than limit bytes is
// ErrTooLarge, one that the process has no room for memory.ErrLimit, before anything is read;
// a missing one is fs.ErrNotExist.
func ReadFile(ctx context.Context, place Place, name string, limit int64) ([]byte, error) {
	f, err := Open(ctx, place, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Content(ctx, f, limit, place.Path(name))
}

// Content is ReadFile of an open file, which is called name in messages.
func Content(ctx context.Context, f File, limit int64, name string) ([]byte, error) {
	return regularfile.Content(WithContext(ctx, f), f.Size(), limit, name)
}

// Errors of files.
var (
	// ErrFile reports a file of a place that does not do what File demands.
	ErrFile = errors.New("the place's file breaks its contract")
	// ErrNotRegular reports a path that names something else than a regular file.
	ErrNotRegular = regularfile.ErrNotRegular
	// ErrTooLarge reports a file that is larger than its kind can be.
	ErrTooLarge = regularfile.ErrTooLarge
	// ErrLFSPointer reports a file that holds what Git keeps in place of a large one.
	ErrLFSPointer = regularfile.ErrLFSPointer
)
