package codec

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/klauspost/compress/fse"
	"github.com/klauspost/compress/huff0"
)

// A literals section (RFC 8878, 3.1.1.3.1) is the unit of Huffman coding that
// the huff0 and zstd codecs share: at most 128 KiB of bytes, stored, repeated,
// or coded with a table of its own or with that of the section before.

const (
	maxChunk       = 128 << 10 // bytes in a section: Zstandard's largest block
	maxLiteralBits = 11        // the longest code Zstandard allows
	oneStream      = 256       // shorter sections use one bit stream instead of four

	// A repeated byte takes 4 packed ones, here as in a block of Zstandard, so a
	// run is cut into pieces that keep to MaxRatio.
	maxRun = 4 * MaxRatio
)

// sectionKind is a Literals_Block_Type, with the value the format gives it.
type sectionKind uint8

const (
	sectionRaw     sectionKind = iota
	sectionRLE                 // one byte, repeated
	sectionHuffman             // a new table, then coded bytes
	sectionRepeat              // coded with the last table
)

// literalsEncoder packs the chunks of a block one after the other. It needs a
// reset before each block.
type literalsEncoder struct {
	huffman  huffman
	fse      fse.Scratch
	counts   [256]uint32
	lengths  [256]uint8 // the last table written, if hasTable
	hasTable bool
	next     [256]uint8 // the candidate for the next table
	weights  [256]byte  // the candidate as the format counts it
	tree     []byte     // the candidate as it is written
	codes    [256]code  // of lengths
}

func (e *literalsEncoder) reset() { e.hasTable = false }

// plan chooses how to pack a chunk of 1 to maxChunk bytes. After sectionHuffman
// or sectionRepeat the same chunk must go to appendCoded.
func (e *literalsEncoder) plan(chunk []byte) sectionKind {
	histogram(&e.counts, chunk)
	if int(e.counts[chunk[0]]) == len(chunk) {
		return sectionRLE
	}
	e.huffman.codeLengths(&e.next, &e.counts, maxLiteralBits)
	e.describeTree()

	kind, size := sectionRaw, len(chunk)
	if len(e.tree) > 0 {
		bits, _ := codedBits(&e.counts, &e.next)
		kind, size = sectionHuffman, len(e.tree)+bits/8
	}
	if e.hasTable {
		if bits, ok := codedBits(&e.counts, &e.lengths); ok && bits/8 <= size {
			kind, size = sectionRepeat, bits/8
		}
	}
	const header, jumpTable, lastBytes = 5, 6, 4
	if !worthwhile(size+header+jumpTable+lastBytes, len(chunk)) {
		return sectionRaw
	}
	return kind
}

// describeTree sets tree to the description of the candidate (RFC 8878, 4.2.1):
// the weight of every symbol but the last, which follows from the others. A
// weight is the length counted from the other end. tree is left empty if the
// format cannot express it.
func (e *literalsEncoder) describeTree() {
	weights := &e.weights
	longest, last := slices.Max(e.next[:]), 0
	for s, bits := range e.next {
		weights[s] = 0
		if bits != 0 {
			weights[s] = longest + 1 - bits
			last = s
		}
	}
	const directLimit, fseLimit, fseTableLog = 128, 127, 6

	tree := append(e.tree[:0], 0)
	e.fse.TableLog = fseTableLog
	packed, err := fse.Compress(weights[:last], &e.fse)
	switch {
	case err == nil && len(packed) <= fseLimit && (last > directLimit || len(packed) < (last+1)/2):
		tree[0] = byte(len(packed))
		tree = append(tree, packed...)
	case last <= directLimit:
		tree[0] = byte(127 + last)
		weights[last] = 0
		for s := 0; s < last; s += 2 {
			tree = append(tree, weights[s]<<4|weights[s+1])
		}
	default:
		tree = tree[:0]
	}
	e.tree = tree
}

// appendCoded appends the section for a chunk that plan found worth coding.
func (e *literalsEncoder) appendCoded(dst, chunk []byte, kind sectionKind) []byte {
	// The low bits: kind, size format. Then both sizes, of sizeBits each.
	header, sizeBits, headerLen := uint64(kind)|3<<2, 18, 5
	switch {
	case len(chunk) < oneStream:
		header, sizeBits, headerLen = uint64(kind)|0<<2, 10, 3
	case len(chunk) < 1<<14:
		header, sizeBits, headerLen = uint64(kind)|2<<2, 14, 4
	}
	start := len(dst)
	dst = append(dst, make([]byte, headerLen)...)

	if kind == sectionHuffman {
		e.lengths, e.hasTable = e.next, true
		e.assignCodes()
		dst = append(dst, e.tree...)
	}
	if len(chunk) < oneStream {
		dst = appendBackward(dst, chunk, &e.codes)
	} else {
		dst = e.appendFour(dst, chunk)
	}

	header |= uint64(len(chunk))<<4 | uint64(len(dst)-start-headerLen)<<(4+sizeBits)
	var h [8]byte
	binary.LittleEndian.PutUint64(h[:], header)
	copy(dst[start:start+headerLen], h[:])
	return dst
}

// assignCodes numbers the codes as RFC 8878, 4.2.1.3 does: longest codes first,
// symbols in order within a length.
func (e *literalsEncoder) assignCodes() {
	var ofLength, first [maxLiteralBits + 2]uint16
	for _, bits := range e.lengths {
		ofLength[bits]++
	}
	for bits := maxLiteralBits; bits > 0; bits-- {
		first[bits] = (first[bits+1] + ofLength[bits+1]) / 2
		if bits == maxLiteralBits {
			first[bits] = 0
		}
	}
	for s, bits := range e.lengths {
		e.codes[s] = code{first[bits], bits}
		first[bits]++
	}
}

// appendFour codes a chunk as four streams, after a table of the lengths of the
// first three. Each stream holds a quarter of the chunk, rounded up.
func (e *literalsEncoder) appendFour(dst, chunk []byte) []byte {
	jump := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	quarter := (len(chunk) + 3) / 4
	for i := range 3 {
		start := len(dst)
		dst = appendBackward(dst, chunk[i*quarter:(i+1)*quarter], &e.codes)
		binary.LittleEndian.PutUint16(dst[jump+2*i:], uint16(len(dst)-start))
	}
	return appendBackward(dst, chunk[3*quarter:], &e.codes)
}

// appendBackward codes src from its last byte to its first, as Zstandard's
// streams are read from their end, and closes the stream with a 1 bit.
func appendBackward(dst, src []byte, codes *[256]code) []byte {
	start := len(dst)
	dst = slices.Grow(dst, len(src)*maxLiteralBits/8+16)
	out := dst[start:cap(dst)]
	var acc uint64
	var n uint // bits in acc; at most 7 after a store
	pos := 0

	i := len(src)
	for ; i >= 5; i -= 5 { // 7 + 5*11 bits fit
		s := src[i-5 : i : i]
		c0, c1, c2, c3, c4 := codes[s[4]], codes[s[3]], codes[s[2]], codes[s[1]], codes[s[0]]
		b1 := uint(c0.bits)
		b2 := b1 + uint(c1.bits)
		b3 := b2 + uint(c2.bits)
		b4 := b3 + uint(c3.bits)
		five := uint64(c0.value) | uint64(c1.value)<<(b1&63) | uint64(c2.value)<<(b2&63) |
			uint64(c3.value)<<(b3&63) | uint64(c4.value)<<(b4&63)
		acc |= five << (n & 63)
		n += b4 + uint(c4.bits)
		binary.LittleEndian.PutUint64(out[pos:], acc)
		pos += int(n >> 3)
		acc >>= n & 56
		n &= 7
	}
	for ; i > 0; i-- {
		c := codes[src[i-1]]
		acc |= uint64(c.value) << (n & 63)
		n += uint(c.bits)
	}
	acc |= 1 << (n & 63)
	n++
	binary.LittleEndian.PutUint64(out[pos:], acc)
	pos += int(n+7) / 8
	return dst[:start+pos]
}

var (
	errSection   = errors.New("bad literals section")
	errTruncated = errors.New("truncated")
	errTooLong   = errors.New("longer than the block")
)

// literalsDecoder unpacks the sections of a block one after the other. It needs
// a reset before each block.
type literalsDecoder struct {
	table    *huff0.Scratch
	hasTable bool
}

func (d *literalsDecoder) reset() { d.hasTable = false }

// decode unpacks the section at the start of src to the start of dst. It
// returns the number of bytes unpacked, and what follows the section.
func (d *literalsDecoder) decode(dst, src []byte) (n int, rest []byte, err error) {
	kind, streams, n, packed, content, err := parseSectionHeader(src)
	if err != nil {
		return 0, nil, err
	}
	if packed > len(content) {
		return 0, nil, errTruncated
	}
	if n > len(dst) {
		return 0, nil, errTooLong
	}
	content, rest = content[:packed], content[packed:]
	dst = dst[:n:n]
	switch kind {
	case sectionRaw:
		copy(dst, content)
		return n, rest, nil
	case sectionRLE:
		fill(dst, content[0])
		return n, rest, nil
	case sectionHuffman:
		d.hasTable = false
		if d.table, content, err = huff0.ReadTable(content, d.table); err != nil {
			return 0, nil, err
		}
		d.hasTable = true
	}
	if !d.hasTable {
		return 0, nil, errSection
	}
	var out []byte
	if streams == 1 {
		out, err = d.table.Decoder().Decompress1X(dst[:0], content)
	} else {
		out, err = d.table.Decoder().Decompress4X(dst[:0], content)
	}
	if err == nil && len(out) != n {
		err = errSection
	}
	return n, rest, err
}

// parseSectionHeader reads a Literals_Section_Header in any of its forms: n is
// the unpacked size, packed the length of what follows the header.
func parseSectionHeader(src []byte) (kind sectionKind, streams, n, packed int, content []byte, err error) {
	if len(src) == 0 {
		return 0, 0, 0, 0, nil, errTruncated
	}
	var h [8]byte
	copy(h[:], src)
	header := binary.LittleEndian.Uint64(h[:])
	kind, format := sectionKind(header&3), header>>2&3

	var headerLen int
	if kind == sectionRaw || kind == sectionRLE {
		switch format {
		case 1:
			headerLen, n = 2, int(header>>4&(1<<12-1))
		case 3:
			headerLen, n = 3, int(header>>4&(1<<20-1))
		default:
			headerLen, n = 1, int(header>>3&(1<<5-1))
		}
		packed = n
		if kind == sectionRLE {
			packed = 1
		}
	} else {
		sizeBits := [4]int{10, 10, 14, 18}[format]
		headerLen = [4]int{3, 3, 4, 5}[format]
		streams = [4]int{1, 4, 4, 4}[format]
		n = int(header >> 4 & (1<<sizeBits - 1))
		packed = int(header >> (4 + sizeBits) & (1<<sizeBits - 1))
	}
	if headerLen > len(src) {
		return 0, 0, 0, 0, nil, errTruncated
	}
	if n > maxChunk {
		return 0, 0, 0, 0, nil, errSection
	}
	return kind, streams, n, packed, src[headerLen:], nil
}

func fill(dst []byte, b byte) {
	if len(dst) == 0 {
		return
	}
	dst[0] = b
	for n := 1; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}
