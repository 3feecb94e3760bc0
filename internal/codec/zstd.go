package codec

import (
	"errors"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// zstdCodec writes one Zstandard frame a block: by zstdLiterals at level 0,
// above that by klauspost's encoder.
type zstdCodec struct {
	literals *zstdLiterals
	encoders *sync.Pool // of *zstd.Encoder; nil at level 0

	sections, frames *sync.Pool // decoders: *literalsDecoder, *zstd.Decoder
}

func newZstd(level int) Codec {
	c := zstdCodec{
		literals: newZstdLiterals(),
		sections: &sync.Pool{New: func() any { return new(literalsDecoder) }},
		frames:   &sync.Pool{New: newZstdDecoder},
	}
	if level == 0 {
		return c
	}
	c.encoders = &sync.Pool{New: func() any {
		e, err := zstd.NewWriter(nil,
			zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
			zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(1<<20),
			zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderCRC(false), // the file holds a SHA-256 of every block
			zstd.WithAllLitEntropyCompression(true),
			zstd.WithSingleSegment(true))
		if err != nil {
			return err
		}
		return e
	}}
	return c
}

func newZstdDecoder() any {
	d, err := zstd.NewReader(nil,
		zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	return d
}

func (zstdCodec) Name() string { return "zstd" }

func (c zstdCodec) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("zstd", src); err != nil {
		return dst, err
	}
	if c.encoders == nil {
		return c.literals.encode(dst, src), nil
	}
	pooled := c.encoders.Get()
	e, ok := pooled.(*zstd.Encoder)
	if !ok {
		return dst, pooled.(error)
	}
	defer c.encoders.Put(e)
	out := e.EncodeAll(src, dst)
	if overpacked(len(out)-len(dst), len(src)) {
		return c.literals.encode(out[:len(dst)], src), nil
	}
	if !worthwhile(len(out)-len(dst), len(src)) {
		return appendZstdStored(out[:len(dst)], src), nil
	}
	return out, nil
}

func (c zstdCodec) Decode(dst, src []byte) error {
	if err := c.decode(dst, src); err != nil {
		return corrupt("zstd", "%v", err)
	}
	return nil
}

// decode reads frames of our own kind directly: 5 % faster than the library, and
// with 14 KiB instead of 220.
func (c zstdCodec) decode(dst, src []byte) error {
	frame, err := parseZstdFrame(src)
	if err != nil {
		return err
	}
	if frame.hasSize && frame.size != uint64(len(dst)) {
		return errSize
	}
	d := c.sections.Get().(*literalsDecoder)
	err = frame.decodeLiterals(d, dst)
	c.sections.Put(d)
	if !errors.Is(err, errSequences) {
		return err
	}
	if err := frame.checkOneFrame(); err != nil {
		return err
	}
	return c.decodeAny(dst, src)
}

var errSize = errors.New("not the expected length")

// decodeAny unpacks any frame. The decoder works in dst, so the window that the
// frame asks for costs no memory.
func (c zstdCodec) decodeAny(dst, src []byte) error {
	pooled := c.frames.Get()
	d, ok := pooled.(*zstd.Decoder)
	if !ok {
		return pooled.(error)
	}
	defer c.frames.Put(d)
	out, err := d.DecodeAll(src, dst[:0:len(dst)])
	if err != nil {
		return err
	}
	if len(out) != len(dst) {
		return errSize
	}
	return nil
}
