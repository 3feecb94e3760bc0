package codec

import (
	"slices"
	"sync"
)

// huff0Codec is the shortest way to a Huffman-coded block: literals sections
// (literals.go), each of maxChunk bytes but the last and the pieces of a
// constant chunk. There is no other header: the block's length is known from
// the file. An empty block is empty.
type huff0Codec struct {
	encoders, decoders *sync.Pool
}

func newHuff0() Codec {
	return huff0Codec{
		encoders: &sync.Pool{New: func() any { return new(literalsEncoder) }},
		decoders: &sync.Pool{New: func() any { return new(literalsDecoder) }},
	}
}

func (huff0Codec) Name() string { return "huff0" }

func (c huff0Codec) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("huff0", src); err != nil {
		return dst, err
	}
	e := c.encoders.Get().(*literalsEncoder)
	defer c.encoders.Put(e)
	e.reset()
	start := len(dst)
	for rest := src; len(rest) > 0; {
		chunk := rest[:min(len(rest), maxChunk)]
		rest = rest[len(chunk):]
		switch kind := e.plan(chunk); kind {
		case sectionRaw:
			dst = append(appendPlainHeader(dst, kind, len(chunk)), chunk...)
		case sectionRLE:
			for run := range slices.Chunk(chunk, maxRun) {
				dst = append(appendPlainHeader(dst, kind, len(run)), run[0])
			}
		default:
			dst = e.appendCoded(dst, chunk, kind)
		}
	}
	if !worthwhile(len(dst)-start, len(src)) {
		return appendHuff0Stored(dst[:start], src), nil
	}
	return dst, nil
}

// appendHuff0Stored appends raw sections.
func appendHuff0Stored(dst, src []byte) []byte {
	for len(src) > 0 {
		chunk := src[:min(len(src), maxChunk)]
		src = src[len(chunk):]
		dst = append(appendPlainHeader(dst, sectionRaw, len(chunk)), chunk...)
	}
	return dst
}

// appendPlainHeader appends the 3-byte header of a raw or repeated section.
func appendPlainHeader(dst []byte, kind sectionKind, n int) []byte {
	header := uint32(kind) | 3<<2 | uint32(n)<<4
	return append(dst, byte(header), byte(header>>8), byte(header>>16))
}

func (c huff0Codec) Decode(dst, src []byte) error {
	d := c.decoders.Get().(*literalsDecoder)
	defer c.decoders.Put(d)
	d.reset()
	for pos := 0; pos < len(dst) || len(src) > 0; {
		n, rest, err := d.decode(dst[pos:], src)
		if err == nil && n == 0 { // or a stream could go on and on
			err = errSection
		}
		if err != nil {
			return corrupt("huff0", "at byte %d of %d: %v", pos, len(dst), err)
		}
		pos, src = pos+n, rest
	}
	return nil
}
