package codec

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// lz4Codec writes an LZ4 frame (lz4_Frame_format.md 1.6.4) with the block's
// size in its header, independent blocks and no checksums. It reads any frame
// without a dictionary. Reading and writing frames here, around the library's
// block coder, keeps both free of buffers that grow with what a header claims.
type lz4Codec struct {
	compressors *sync.Pool // of blockCompressor
}

// blockCompressor is lz4.Compressor or lz4.CompressorHC. It returns 0 when dst
// is too small.
type blockCompressor interface {
	CompressBlock(src, dst []byte) (int, error)
}

func newLZ4(level int) Codec {
	return lz4Codec{&sync.Pool{New: func() any {
		if level == 0 {
			return new(lz4.Compressor)
		}
		return &lz4.CompressorHC{Level: lz4.Level1 << (level - 1)}
	}}}
}

func (lz4Codec) Name() string { return "lz4" }

const (
	lz4Magic = 0x184d2204

	lz4Version         = 1 << 6 // in the FLG byte
	lz4Independent     = 1 << 5
	lz4BlockChecksum   = 1 << 4
	lz4HasSize         = 1 << 3
	lz4ContentChecksum = 1 << 2
	lz4Reserved        = 1 << 1
	lz4Dictionary      = 1 << 0

	lz4Stored = 1 << 31 // in a block's size: the block is not packed
	lz4Window = 64 << 10
)

func (c lz4Codec) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("lz4", src); err != nil {
		return dst, err
	}
	z := c.compressors.Get().(blockCompressor)
	defer c.compressors.Put(z)
	out := appendLZ4Frame(dst, src, z)
	if !worthwhile(len(out)-len(dst), len(src)) {
		return appendLZ4Frame(out[:len(dst)], src, nil), nil
	}
	return out, nil
}

// appendLZ4Frame appends src as a frame; without a compressor its blocks are
// stored.
func appendLZ4Frame(dst, src []byte, z blockCompressor) []byte {
	sizeCode := 4 // largest block: 64 KiB, 256 KiB, 1 MiB or 4 MiB
	for sizeCode < 7 && len(src) > 1<<(8+2*sizeCode) {
		sizeCode++
	}
	blockSize := 1 << (8 + 2*sizeCode)

	dst = binary.LittleEndian.AppendUint32(dst, lz4Magic)
	descriptor := len(dst)
	dst = append(dst, lz4Version|lz4Independent|lz4HasSize, byte(sizeCode<<4))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(src)))
	dst = append(dst, byte(xxh32(dst[descriptor:])>>8))

	for len(src) > 0 {
		block := src[:min(len(src), blockSize)]
		src = src[len(block):]
		start := len(dst) + 4
		dst = slices.Grow(dst, 4+len(block))
		limit := start + len(block) - (len(block)+49)/50 // the 2 % rule
		n := 0
		if z != nil && limit > start {
			n, _ = z.CompressBlock(block, dst[start:limit:limit])
		}
		if n > 0 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
			dst = dst[:start+n]
		} else {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(block))|lz4Stored)
			dst = append(dst, block...)
		}
	}
	return binary.LittleEndian.AppendUint32(dst, 0)
}

func (lz4Codec) Decode(dst, src []byte) error {
	if err := decodeLZ4Frame(dst, src); err != nil {
		return corrupt("lz4", "%v", err)
	}
	return nil
}

var (
	errLZ4Magic    = errors.New("not an LZ4 frame")
	errLZ4Header   = errors.New("bad frame header")
	errLZ4Block    = errors.New("bad block")
	errLZ4Checksum = errors.New("checksum mismatch")
)

func decodeLZ4Frame(dst, src []byte) error {
	flags, rest, err := parseLZ4Header(src, uint64(len(dst)))
	if err != nil {
		return err
	}
	pos := 0
	for {
		var size uint32
		if size, rest, err = cutUint32(rest); err != nil {
			return err
		}
		if size == 0 { // end mark
			break
		}
		stored := size&lz4Stored != 0
		size &^= lz4Stored
		if uint64(size) > uint64(len(rest)) {
			return errTruncated
		}
		block := rest[:size]
		rest = rest[size:]
		if flags&lz4BlockChecksum != 0 {
			var sum uint32
			if sum, rest, err = cutUint32(rest); err != nil {
				return err
			}
			if sum != xxh32(block) {
				return errLZ4Checksum
			}
		}
		switch {
		case stored:
			if len(block) > len(dst)-pos {
				return errTooLong
			}
			pos += copy(dst[pos:], block)
		default:
			window := dst[:0]
			if flags&lz4Independent == 0 {
				window = dst[max(0, pos-lz4Window):pos]
			}
			n, err := lz4.UncompressBlockWithDict(block, dst[pos:], window)
			if err != nil {
				return errLZ4Block
			}
			pos += n
		}
	}
	if pos != len(dst) {
		return errShort
	}
	if flags&lz4ContentChecksum != 0 {
		var sum uint32
		if sum, rest, err = cutUint32(rest); err != nil {
			return err
		}
		if sum != xxh32(dst) {
			return errLZ4Checksum
		}
	}
	if len(rest) != 0 {
		return errTrailing
	}
	return nil
}

// parseLZ4Header reads the frame header and returns its FLG byte and what
// follows. want is the unpacked size, which the header may repeat.
func parseLZ4Header(src []byte, want uint64) (flags byte, rest []byte, err error) {
	if len(src) < 7 {
		return 0, nil, errTruncated
	}
	if binary.LittleEndian.Uint32(src) != lz4Magic {
		return 0, nil, errLZ4Magic
	}
	flags = src[4]
	end := 6
	if flags&lz4HasSize != 0 {
		end += 8
	}
	switch {
	case flags&lz4Dictionary != 0:
		return 0, nil, errDictionary
	case flags>>6 != lz4Version>>6 || flags&lz4Reserved != 0 || src[5]&0x8f != 0 || src[5]>>4 < 4:
		return 0, nil, errLZ4Header
	case len(src) <= end:
		return 0, nil, errTruncated
	case src[end] != byte(xxh32(src[4:end])>>8):
		return 0, nil, errLZ4Checksum
	case flags&lz4HasSize != 0 && binary.LittleEndian.Uint64(src[6:]) != want:
		return 0, nil, errSize
	}
	return flags, src[end+1:], nil
}

func cutUint32(src []byte) (uint32, []byte, error) {
	if len(src) < 4 {
		return 0, nil, errTruncated
	}
	return binary.LittleEndian.Uint32(src), src[4:], nil
}
