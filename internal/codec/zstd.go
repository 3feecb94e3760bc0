package codec

import (
	"github.com/klauspost/compress/zstd"
)

type zstdCodec struct {
	name  string
	level int
}

func newZstd(level int) Codec { return zstdCodec{"zstd", level} }
func newHuff0() Codec         { return zstdCodec{"huff0", 0} }

func (c zstdCodec) Name() string { return c.name }

func (c zstdCodec) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("zstd", src); err != nil {
		return dst, err
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return dst, err
	}
	defer w.Close()
	return w.EncodeAll(src, dst), nil
}

func (zstdCodec) Decode(dst, src []byte) error {
	r, err := zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer r.Close()
	out, err := r.DecodeAll(src, dst[:0:len(dst)])
	if err != nil {
		return corrupt("zstd", "%v", err)
	}
	if len(out) != len(dst) {
		return corrupt("zstd", "%d bytes, want %d", len(out), len(dst))
	}
	return nil
}
