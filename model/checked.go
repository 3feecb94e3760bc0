package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/storage"
)

// pieceSize is how many bytes of a file are compared together.
const pieceSize = 64 << 10

// checkedFile is a file that was compared with the manifest and is read after that: what
// has changed meanwhile is ErrMismatch.
type checkedFile struct {
	storage.File
	name string // in messages
	sums [][sha256.Size]byte
}

// newCheckedFile reads a whole file, and returns it with its SHA-256, in hex.
func newCheckedFile(ctx context.Context, f storage.File, name string) (*checkedFile, string, error) {
	c := &checkedFile{File: f, name: name}
	whole, buf := sha256.New(), make([]byte, min(pieceSize, f.Size()))
	for at := int64(0); at < f.Size(); at += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), f.Size()-at)]
		if n, err := storage.ReadAt(ctx, f, buf, at); n < len(buf) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, "", fmt.Errorf("%s: %w", name, err)
		}
		whole.Write(buf)
		c.sums = append(c.sums, sha256.Sum256(buf))
	}
	return c, hex.EncodeToString(whole.Sum(nil)), nil
}

func (f *checkedFile) ReadAt(p []byte, off int64) (int, error) {
	return f.ReadAtContext(context.Background(), p, off)
}

// ReadAtContext reads whole pieces and compares each.
func (f *checkedFile) ReadAtContext(ctx context.Context, p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("%s: byte %d: %w", f.name, off, storage.ErrFile)
	}
	var buf []byte
	for n < len(p) {
		at := off + int64(n)
		if at >= f.Size() {
			return n, io.EOF
		}
		begin := at / pieceSize * pieceSize
		size := int(min(pieceSize, f.Size()-begin))
		piece := p[n:]
		if at == begin && len(piece) >= size {
			piece = piece[:size]
		} else {
			if buf == nil {
				buf = make([]byte, pieceSize)
			}
			piece = buf[:size]
		}
		if read, err := storage.ReadAt(ctx, f.File, piece, begin); read < size {
			return n, err
		}
		if sha256.Sum256(piece) != f.sums[begin/pieceSize] {
			return n, fmt.Errorf("%s: byte %d or one after it has changed since the file was compared: %w", f.name, begin, ErrMismatch)
		}
		n += copy(p[n:], piece[at-begin:])
	}
	return n, nil
}
