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
	literals *brotliLiterals // level 0
	encoders *sync.Pool      // of *brotli.Writer, other levels
	readers  *sync.Pool      // of *literalsReader
	decoders *sync.Pool      // of *brotliReader, for all other streams
}

// brotliWindow is log2 of how far back the encoder looks for matches.
const brotliWindow = 20

type brotliReader struct {
	src bytes.Reader
	r   *brotli.Reader
}

func newBrotli(level int) Codec {
	c := brotliCodec{
		readers:  &sync.Pool{New: func() any { return new(literalsReader) }},
		decoders: &sync.Pool{New: func() any { return &brotliReader{r: brotli.NewReader(nil)} }},
	}
	if level == 0 {
		c.literals = newBrotliLiterals()
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
	if c.literals != nil {
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
	if out := buffer.Bytes(); worthwhile(len(out)-len(dst), len(src)) {
		return out, nil
	}
	return appendBrotliStored(buffer.Bytes()[:len(dst)], src), nil
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
