package codec

import (
	"encoding/binary"
	"errors"
	"sync"
)

// Zstandard frames without matches. A frame (RFC 8878, 3.1.1) is a header and
// blocks of at most 128 KiB; ours hold either plain bytes, one repeated byte,
// or a literals section followed by the count of sequences, 0.

const (
	zstdMagic = 0xfd2fb528

	zstdRaw        = 0 // Block_Type
	zstdRLE        = 1
	zstdCompressed = 2
)

// zstdLiterals writes such frames.
type zstdLiterals struct{ encoders sync.Pool }

func newZstdLiterals() *zstdLiterals {
	return &zstdLiterals{sync.Pool{New: func() any { return new(literalsEncoder) }}}
}

func (z *zstdLiterals) encode(dst, src []byte) []byte {
	e := z.encoders.Get().(*literalsEncoder)
	defer z.encoders.Put(e)
	e.reset()
	start := len(dst)
	dst = appendZstdHeader(dst, len(src))
	for rest := src; len(rest) > 0; {
		chunk := rest[:min(len(rest), maxChunk)]
		rest = rest[len(chunk):]
		switch kind := e.plan(chunk); kind {
		case sectionRaw:
			dst = append(appendZstdBlockHeader(dst, zstdRaw, len(chunk), len(rest) == 0), chunk...)
		case sectionRLE:
			for len(chunk) > 0 {
				run := chunk[:min(len(chunk), maxRun)]
				chunk = chunk[len(run):]
				dst = append(appendZstdBlockHeader(dst, zstdRLE, len(run), len(chunk)+len(rest) == 0), run[0])
			}
		default:
			header := len(dst)
			dst = appendZstdBlockHeader(dst, zstdCompressed, 0, len(rest) == 0)
			dst = append(e.appendCoded(dst, chunk, kind), 0)
			size := len(dst) - header - 3
			appendZstdBlockHeader(dst[:header], zstdCompressed, size, len(rest) == 0)
		}
	}
	if !worthwhile(len(dst)-start, len(src)) {
		return appendZstdStored(dst[:start], src)
	}
	return dst
}

// appendZstdStored appends a frame of raw blocks.
func appendZstdStored(dst, src []byte) []byte {
	dst = appendZstdHeader(dst, len(src))
	for {
		chunk := src[:min(len(src), maxChunk)]
		src = src[len(chunk):]
		dst = append(appendZstdBlockHeader(dst, zstdRaw, len(chunk), len(src) == 0), chunk...)
		if len(src) == 0 {
			return dst
		}
	}
}

// appendZstdHeader appends the header of a single segment of n bytes: no
// window, no dictionary, no checksum.
func appendZstdHeader(dst []byte, n int) []byte {
	const singleSegment = 1 << 5
	dst = binary.LittleEndian.AppendUint32(dst, zstdMagic)
	switch {
	case n < 256:
		return append(dst, singleSegment, byte(n))
	case n < 256+1<<16:
		return binary.LittleEndian.AppendUint16(append(dst, singleSegment|1<<6), uint16(n-256))
	default:
		return binary.LittleEndian.AppendUint32(append(dst, singleSegment|2<<6), uint32(n))
	}
}

func appendZstdBlockHeader(dst []byte, kind, size int, last bool) []byte {
	header := size<<3 | kind<<1
	if last {
		header |= 1
	}
	return append(dst, byte(header), byte(header>>8), byte(header>>16))
}

// zstdFrame is what a frame's header says.
type zstdFrame struct {
	size     uint64 // unpacked, if known
	hasSize  bool
	checksum bool
	blocks   []byte // what follows the header
}

var (
	errMagic      = errors.New("not a Zstandard frame")
	errDictionary = errors.New("needs a dictionary")
	errReserved   = errors.New("reserved bit or block type")
	errTrailing   = errors.New("data after the end")
	errShort      = errors.New("shorter than the block")
)

func parseZstdFrame(src []byte) (f zstdFrame, err error) {
	if len(src) < 5 {
		return f, errTruncated
	}
	if binary.LittleEndian.Uint32(src) != zstdMagic {
		return f, errMagic
	}
	descriptor := src[4]
	src = src[5:]
	singleSegment := descriptor&(1<<5) != 0
	f.checksum = descriptor&(1<<2) != 0
	if descriptor&(1<<3) != 0 {
		return f, errReserved
	}
	window := 1
	if singleSegment {
		window = 0
	}
	dictionary := [4]int{0, 1, 2, 4}[descriptor&3]
	sizeLen := [4]int{0, 2, 4, 8}[descriptor>>6]
	if singleSegment && sizeLen == 0 {
		sizeLen = 1
	}
	if len(src) < window+dictionary+sizeLen {
		return f, errTruncated
	}
	for _, b := range src[window : window+dictionary] {
		if b != 0 {
			return f, errDictionary
		}
	}
	var size [8]byte
	copy(size[:], src[window+dictionary:][:sizeLen])
	f.size, f.hasSize = binary.LittleEndian.Uint64(size[:]), sizeLen > 0
	if sizeLen == 2 {
		f.size += 256
	}
	f.blocks = src[window+dictionary+sizeLen:]
	return f, nil
}

// nextBlock splits the first block off blocks. size is the Block_Size field.
func nextBlock(blocks []byte) (kind, size int, last bool, content, rest []byte, err error) {
	if len(blocks) < 3 {
		return 0, 0, false, nil, nil, errTruncated
	}
	header := int(blocks[0]) | int(blocks[1])<<8 | int(blocks[2])<<16
	kind, size, last = header>>1&3, header>>3, header&1 != 0
	blocks = blocks[3:]
	packed := size
	switch {
	case kind == zstdRLE:
		packed = 1
	case kind > zstdCompressed:
		return 0, 0, false, nil, nil, errReserved
	}
	if size > maxChunk {
		return 0, 0, false, nil, nil, errTooLong
	}
	if packed > len(blocks) {
		return 0, 0, false, nil, nil, errTruncated
	}
	return kind, size, last, blocks[:packed], blocks[packed:], nil
}

// checkOneFrame walks the block headers and reports whether the frame ends
// where its bytes end.
func (f *zstdFrame) checkOneFrame() error {
	rest, last, err := f.blocks, false, error(nil)
	for !last {
		if _, _, last, _, rest, err = nextBlock(rest); err != nil {
			return err
		}
	}
	checksum := 0
	if f.checksum {
		checksum = 4
	}
	if len(rest) < checksum {
		return errTruncated
	}
	if len(rest) > checksum {
		return errTrailing
	}
	return nil
}

// errSequences says that a frame holds matches (or a checksum): it is not of
// the kind that decodeLiterals reads, though it may be sound.
var errSequences = errors.New("more than literals")

// decodeLiterals unpacks a frame of the kind zstdLiterals writes, straight into
// dst.
func (f *zstdFrame) decodeLiterals(d *literalsDecoder, dst []byte) error {
	if f.checksum {
		return errSequences
	}
	d.reset()
	rest := f.blocks
	for pos := 0; ; {
		kind, size, last, content, after, err := nextBlock(rest)
		if err != nil {
			return err
		}
		rest = after
		if kind == zstdCompressed {
			n, sequences, err := d.decode(dst[pos:], content)
			if err != nil {
				return err
			}
			if len(sequences) != 1 || sequences[0] != 0 {
				return errSequences
			}
			pos += n
		} else {
			if size > len(dst)-pos {
				return errTooLong
			}
			if kind == zstdRLE {
				fill(dst[pos:pos+size], content[0])
			} else {
				copy(dst[pos:], content)
			}
			pos += size
		}
		if !last {
			continue
		}
		if len(rest) != 0 {
			return errTrailing
		}
		if pos != len(dst) {
			return errShort
		}
		return nil
	}
}
