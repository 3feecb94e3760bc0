package cdna

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
)

// checkInflated refuses a zlib stream of packed bytes that claims more than Deflate can express: 1032 bytes a byte.
func checkInflated(packed, plain int64) error {
	if plain/1032 > packed {
		return fmt.Errorf("%w: %d zlib bytes cannot hold %d", ErrBlockSize, packed, plain)
	}
	return nil
}

// An inflater takes a zlib stream apart whose inflated length is known beforehand, for as long as ctx lasts. Other errors
// wrap ErrCorrupt.
type inflater struct {
	ctx context.Context
	in  *bytes.Reader // an io.ByteReader: what follows the stream is left in it
	z   io.ReadCloser
}

func newInflater(ctx context.Context, stream []byte) (*inflater, error) {
	in := bytes.NewReader(stream)
	z, err := zlib.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("%w: zlib: %w", ErrCorrupt, err)
	}
	return &inflater{ctx, in, z}, nil
}

// fill takes the next len(dst) bytes.
func (f *inflater) fill(dst []byte) error {
	const piece = 1 << 20 // a few milliseconds
	for len(dst) > 0 {
		if err := context.Cause(f.ctx); err != nil {
			return err
		}
		n := min(len(dst), piece)
		if _, err := io.ReadFull(f.z, dst[:n]); err != nil {
			return fmt.Errorf("%w: zlib: %w", ErrCorrupt, err)
		}
		dst = dst[n:]
	}
	return nil
}

// next takes the next n bytes. The buffer grows with what comes out: n is only what a file claims.
func (f *inflater) next(n int64) ([]byte, error) {
	const first = 1 << 20
	buf := make([]byte, min(n, first))
	for have := 0; ; {
		if err := f.fill(buf[have:]); err != nil {
			return nil, err
		}
		if have = len(buf); int64(have) == n {
			return buf, nil
		}
		longer := make([]byte, min(2*int64(have), n))
		copy(longer, buf)
		buf = longer
	}
}

// finish checks that stream and input end here, and the stream's checksum.
func (f *inflater) finish() error {
	var more [1]byte
	if _, err := io.ReadFull(f.z, more[:]); err == nil {
		return fmt.Errorf("%w: the zlib stream holds more than announced", ErrCorrupt)
	} else if err != io.EOF {
		return fmt.Errorf("%w: zlib: %w", ErrCorrupt, err)
	}
	if f.in.Len() != 0 {
		return fmt.Errorf("%w: %d bytes after the zlib stream", ErrCorrupt, f.in.Len())
	}
	return nil
}

// deflate returns plain as a zlib stream. The package is pinned by go.mod, so the bytes are the same everywhere; the
// standard library's may change from one Go version to the next.
func deflate(level int, plain []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, level)
	if err == nil {
		_, err = z.Write(plain)
	}
	if err == nil {
		err = z.Close()
	}
	return b.Bytes(), err
}
