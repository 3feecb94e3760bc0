package codec

import (
	"bytes"
	"io"

	"github.com/pierrec/lz4/v4"
)

type lz4Codec struct{ level int }

func newLZ4(level int) Codec { return lz4Codec{level} }

func (lz4Codec) Name() string { return "lz4" }

func (c lz4Codec) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("lz4", src); err != nil {
		return dst, err
	}
	out := bytes.NewBuffer(dst)
	w := lz4.NewWriter(out)
	if _, err := w.Write(src); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	return out.Bytes(), nil
}

func (lz4Codec) Decode(dst, src []byte) error {
	r := lz4.NewReader(bytes.NewReader(src))
	if _, err := io.ReadFull(r, dst); err != nil {
		return corrupt("lz4", "%v", err)
	}
	var one [1]byte
	if n, err := r.Read(one[:]); n != 0 || err != io.EOF {
		return corrupt("lz4", "more data than the block holds")
	}
	return nil
}
