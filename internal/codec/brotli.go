package codec

import (
	"bytes"
	"io"

	"github.com/andybalholm/brotli"
)

type brotliCodec struct{ level int }

func newBrotli(level int) Codec { return brotliCodec{level} }

func (brotliCodec) Name() string { return "brotli" }

func (c brotliCodec) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("brotli", src); err != nil {
		return dst, err
	}
	out := bytes.NewBuffer(dst)
	w := brotli.NewWriterLevel(out, c.level)
	if _, err := w.Write(src); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	return out.Bytes(), nil
}

func (brotliCodec) Decode(dst, src []byte) error {
	r := brotli.NewReader(bytes.NewReader(src))
	if _, err := io.ReadFull(r, dst); err != nil {
		return corrupt("brotli", "%v", err)
	}
	var one [1]byte
	if n, err := r.Read(one[:]); n != 0 || err != io.EOF {
		return corrupt("brotli", "more data than the block holds")
	}
	return nil
}
