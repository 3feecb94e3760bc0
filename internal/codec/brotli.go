package codec

import (
	"bytes"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
)

// brotliCodec writes one Brotli stream a block: by brotliLiterals at level 0,
// above that by andybalholm's encoder at that quality.
type brotliCodec struct {
	literals *brotliLiterals
	encoders *sync.Pool // of *brotli.Writer; nil at level 0
	readers  *sync.Pool // of *literalsReader
	decoders *sync.Pool // of *brotliReader, for all other streams
}

// brotliWindow is log2 of how far back the encoder looks for matches.
const brotliWindow = 20

type brotliReader struct {
	src bytes.Reader
	r   *brotli.Reader
}

func newBrotli(level int) Codec {
	c := brotliCodec{
		literals: newBrotliLiterals(),
		readers:  &sync.Pool{New: func() any { return new(literalsReader) }},
		decoders: &sync.Pool{New: func() any { return &brotliReader{r: brotli.NewReader(nil)} }},
	}
	if level == 0 {
		return c
	}
	c.encoders = &sync.Pool{New: func() any {
		return brotli.NewWriterOptions(nil, brotli.WriterOptions{Quality: level, LGWin: brotliWindow})
	}}
	return c
}

func (brotliCodec) Name() string { return "brotli" }

func (c brotliCodec) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("brotli", src); err != nil {
		return dst, err
	}
	if c.encoders == nil {
		return c.literals.encode(dst, src), nil
	}
	w := c.encoders.Get().(*brotli.Writer)
	defer c.encoders.Put(w)
	buffer := bytes.NewBuffer(dst)
	w.Reset(buffer)
	if _, err := w.Write(src); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	out := buffer.Bytes()
	switch packed := len(out) - len(dst); {
	case overpacked(packed, len(src)):
		return c.literals.encode(out[:len(dst)], src), nil
	case !worthwhile(packed, len(src)):
		return appendBrotliStored(out[:len(dst)], src), nil
	}
	return out, nil
}

func (c brotliCodec) Decode(dst, src []byte) error {
	literals := c.readers.Get().(*literalsReader)
	ok := literals.decode(dst, src)
	c.readers.Put(literals)
	if ok {
		return nil
	}
	if err := c.decodeAny(dst, src); err != nil {
		return corrupt("brotli", "%v", err)
	}
	return nil
}

// decodeAny unpacks any stream.
func (c brotliCodec) decodeAny(dst, src []byte) error {
	d := c.decoders.Get().(*brotliReader)
	defer func() {
		d.src.Reset(nil)
		c.decoders.Put(d)
	}()
	d.src.Reset(src)
	if err := d.r.Reset(&d.src); err != nil {
		return err
	}
	if _, err := io.ReadFull(d.r, dst); err != nil {
		return err
	}
	// The stream must end here: no more output, no more input.
	var one [1]byte
	switch n, err := d.r.Read(one[:]); {
	case n != 0:
		return errTooLong
	case err != nil && err != io.EOF:
		return err
	case d.src.Len() != 0:
		return errTrailing
	}
	return nil
}
