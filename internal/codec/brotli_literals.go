package codec

import (
	"math/bits"
	"slices"
	"sync"
)

// Brotli streams without matches (RFC 7932). Each metablock is one command,
// "insert all of these literals", so its body is a prefix code and the coded
// bytes. Bits are packed from the lowest up.

const (
	maxMetablock   = 1 << 24 // bytes, the format's limit
	maxBrotliBits  = 14      // our longest code; the format has 15, which gains nothing
	maxConstant    = 1 << 13 // bytes in a metablock of one symbol, 11 packed ones, to keep to MaxRatio
	simpleAlphabet = 4       // up to so many symbols are listed instead of described
)

// brotliLiterals writes such streams.
type brotliLiterals struct{ encoders sync.Pool }

func newBrotliLiterals() *brotliLiterals {
	return &brotliLiterals{sync.Pool{New: func() any { return new(brotliEncoder) }}}
}

func (b *brotliLiterals) encode(dst, src []byte) []byte {
	e := b.encoders.Get().(*brotliEncoder)
	defer b.encoders.Put(e)
	start := len(dst)
	e.w = bitWriter{out: dst}
	appendBrotliWindow(&e.w)
	for rest := src; len(rest) > 0; {
		block := rest[:min(len(rest), maxMetablock)]
		rest = rest[len(block):]
		e.metablock(block)
	}
	dst = finishBrotli(&e.w)
	e.w = bitWriter{}
	if !worthwhile(len(dst)-start, len(src)) {
		return appendBrotliStored(dst[:start], src)
	}
	return dst
}

// appendBrotliStored appends a stream of uncompressed metablocks.
func appendBrotliStored(dst, src []byte) []byte {
	w := bitWriter{out: dst}
	appendBrotliWindow(&w)
	for len(src) > 0 {
		block := src[:min(len(src), maxMetablock)]
		src = src[len(block):]
		appendUncompressed(&w, block)
	}
	return finishBrotli(&w)
}

func appendUncompressed(w *bitWriter, block []byte) {
	appendMetablockLength(w, len(block))
	w.add(1, 1) // ISUNCOMPRESSED
	w.align()
	w.out = append(w.out, block...)
}

// appendBrotliWindow begins a stream: WBITS of 16, the shortest to say. Without
// matches no decoder needs more.
func appendBrotliWindow(w *bitWriter) { w.add(0, 1) }

// finishBrotli ends a stream with an empty last metablock. (A last metablock
// cannot be stored, so the data's own is never the last.)
func finishBrotli(w *bitWriter) []byte {
	w.add(3, 2) // ISLAST, ISLASTEMPTY
	w.align()
	return w.out
}

// appendMetablockLength begins a metablock of n bytes that is not the last.
func appendMetablockLength(w *bitWriter, n int) {
	nibbles := max(4, (bits.Len(uint(n-1))+3)/4)
	w.add(0, 1) // ISLAST
	w.add(uint64(nibbles-4), 2)
	w.add(uint64(n-1), uint(4*nibbles))
}

type brotliEncoder struct {
	w       bitWriter
	huffman huffman
	counts  [256]uint32
	lengths [256]uint8
	codes   [256]code
}

func (e *brotliEncoder) metablock(block []byte) {
	histogram(&e.counts, block)
	if int(e.counts[block[0]]) == len(block) {
		for run := range slices.Chunk(block, maxConstant) {
			e.coded(run)
		}
		return
	}
	e.huffman.codeLengths(&e.lengths, &e.counts, maxBrotliBits)
	if bits, _ := codedBits(&e.counts, &e.lengths); !worthwhile(bits/8, len(block)) {
		appendUncompressed(&e.w, block)
		return
	}
	e.coded(block)
}

// coded appends a metablock with the prefix code of counts and lengths.
func (e *brotliEncoder) coded(block []byte) {
	appendMetablockLength(&e.w, len(block))
	e.w.add(0, 1) // not ISUNCOMPRESSED
	e.w.add(0, 3) // one block type each of literals, commands, distances
	e.w.add(0, 6) // NPOSTFIX, NDIRECT
	e.w.add(0, 2) // context mode of the literals
	e.w.add(0, 2) // one tree each of literals, distances
	coded := e.literalCode()
	symbol, extra, extraBits := insertCommand(len(block))
	e.singleSymbol(uint64(symbol), 10) // commands: an alphabet of 704
	e.singleSymbol(0, 6)               // distances: an alphabet of 64, never used

	// The one command. Its symbol takes no bits, and since the metablock is full
	// after its literals, it copies nothing.
	e.w.add(uint64(extra), extraBits)
	if coded {
		e.w.addCodes(block, &e.codes)
	}
}

// singleSymbol describes a prefix code of one symbol, which takes no bits to
// code, in an alphabet of 2^alphabetBits or a little less.
func (e *brotliEncoder) singleSymbol(symbol uint64, alphabetBits uint) {
	e.w.add(1, 2) // a simple code
	e.w.add(0, 2) // of one symbol
	e.w.add(symbol, alphabetBits)
}

// insertCommand is the insert-and-copy symbol (RFC 7932, 5) that inserts n
// bytes, 1 to maxMetablock, and copies as few as can be said, with the extra
// bits that complete n. Only symbols from 128 up say nothing of a distance.
func insertCommand(n int) (symbol int, extra, extraBits uint) {
	last := len(insertCodes) - 1
	for n < insertCodes[last].base {
		last--
	}
	// The insert code's upper two bits choose a cell of 64 symbols, its lower
	// three a row there; the column, copy code 0, copies two bytes.
	cell := [3]int{128, 256, 448}[last>>3]
	c := insertCodes[last]
	return cell + last&7<<3, uint(n - c.base), c.extraBits
}

// insertCodes are the insert lengths of RFC 7932, 5.
var insertCodes = [24]struct {
	base      int
	extraBits uint
}{
	{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, 1}, {8, 1},
	{10, 2}, {14, 2}, {18, 3}, {26, 3}, {34, 4}, {50, 4}, {66, 5}, {98, 5},
	{130, 6}, {194, 7}, {322, 8}, {578, 9}, {1090, 10}, {2114, 12}, {6210, 14}, {22594, 24},
}

// literalCode describes the literals' prefix code, and reports whether they are
// coded at all: a single symbol is not.
func (e *brotliEncoder) literalCode() bool {
	var few [simpleAlphabet]uint8
	n := 0
	for s, c := range e.counts {
		if c == 0 {
			continue
		}
		if n < len(few) {
			few[n] = uint8(s)
		}
		n++
	}
	if n == 1 {
		e.singleSymbol(uint64(few[0]), 8)
		return false
	}
	assignBrotliCodes(&e.codes, &e.lengths)
	if n <= simpleAlphabet {
		e.simpleCode(few[:n])
	} else {
		e.complexCode()
	}
	return true
}

// assignBrotliCodes numbers the codes as RFC 7932, 3.2 does: shortest codes
// first, symbols in order within a length, the first bit of a code lowest.
func assignBrotliCodes(codes *[256]code, lengths *[256]uint8) {
	var ofLength, next [maxBrotliBits + 1]uint16
	for _, n := range lengths {
		ofLength[n]++
	}
	ofLength[0] = 0
	for n := 1; n <= maxBrotliBits; n++ {
		next[n] = (next[n-1] + ofLength[n-1]) << 1
	}
	for s, n := range lengths {
		codes[s] = code{bits.Reverse16(next[n]) >> (16 - n), n}
		next[n]++
	}
}

// simpleCode lists 2 to 4 symbols by length, then by value (RFC 7932, 3.4).
func (e *brotliEncoder) simpleCode(symbols []uint8) {
	e.w.add(1, 2)
	e.w.add(uint64(len(symbols)-1), 2)
	longest := uint8(0)
	for n := uint8(1); n <= 3; n++ {
		for _, s := range symbols {
			if e.lengths[s] == n {
				e.w.add(uint64(s), 8)
				longest = n
			}
		}
	}
	if len(symbols) == 4 { // lengths 1, 2, 3, 3 or all 2
		e.w.add(uint64(longest-2), 1)
	}
}

// complexCode describes the length of every symbol's code, by lengthTokens that
// are themselves coded with at most 5 bits (RFC 7932, 3.5).
func (e *brotliEncoder) complexCode() {
	var memory [256]lengthToken
	tokens := appendLengthTokens(memory[:0], &e.lengths)
	var counts [256]uint32
	for _, t := range tokens {
		counts[t.symbol]++
	}
	// There are at least two kinds of token. Were there one, all lengths were
	// equal; and 256 symbols of 8 bits, which alone take no token of their own
	// before the repeats, are stored.
	var lengths [256]uint8
	e.huffman.codeLengths(&lengths, &counts, 5)

	// The lengths of the tokens' codes come in lengthOrder, in a fixed code. Zeros
	// may be left out at the end, and two or three at the start.
	order, skip, end := lengthOrder, 0, len(lengthOrder)
	if lengths[order[0]] == 0 && lengths[order[1]] == 0 {
		skip = 2
		if lengths[order[2]] == 0 {
			skip = 3
		}
	}
	for lengths[order[end-1]] == 0 {
		end--
	}
	e.w.add(uint64(skip), 2)
	for _, s := range order[skip:end] {
		c := lengthLengthCodes[lengths[s]]
		e.w.add(uint64(c.value), uint(c.bits))
	}

	var codes [256]code
	assignBrotliCodes(&codes, &lengths)
	for _, t := range tokens {
		c := codes[t.symbol]
		e.w.add(uint64(c.value), uint(c.bits))
		e.w.add(uint64(t.extra), uint(t.extraBits))
	}
}

// lengthOrder is the order in which the lengths of the tokens' codes come.
var lengthOrder = [18]uint8{1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// lengthLengthCodes code those lengths, 0 to 5.
var lengthLengthCodes = [6]code{{0, 2}, {7, 4}, {3, 3}, {2, 2}, {1, 2}, {15, 4}}

// lengthToken is a code length 0..15, or one digit of a repeat count: 16
// repeats the last length that was not 0, 17 repeats 0.
type lengthToken struct {
	symbol, extra, extraBits uint8
}

// appendLengthTokens describes lengths up to the last that is not 0. There are
// never more tokens than lengths.
func appendLengthTokens(tokens []lengthToken, lengths *[256]uint8) []lengthToken {
	end := len(lengths)
	for lengths[end-1] == 0 {
		end--
	}
	last := uint8(8) // the length repeated before there is any
	for i := 0; i < end; {
		n := lengths[i]
		run := 1
		for i+run < end && lengths[i+run] == n {
			run++
		}
		i += run
		repeat := lengthToken{17, 0, 3}
		if n != 0 {
			repeat = lengthToken{16, 0, 2}
			if n != last {
				tokens = append(tokens, lengthToken{symbol: n})
				last = n
				run--
			}
		}
		if run < 3 {
			for range run {
				tokens = append(tokens, lengthToken{symbol: n})
			}
			continue
		}
		tokens = appendRepeat(tokens, repeat, run)
	}
	return tokens
}

// appendRepeat writes a run of 3 or more as digits, the first the highest: a
// digit d after a count r makes it (r-2)<<extraBits + d + 3.
func appendRepeat(tokens []lengthToken, repeat lengthToken, run int) []lengthToken {
	first := len(tokens)
	for run -= 3; ; run-- {
		repeat.extra = uint8(run & (1<<repeat.extraBits - 1))
		tokens = append(tokens, repeat)
		if run >>= repeat.extraBits; run == 0 {
			break
		}
	}
	slices.Reverse(tokens[first:])
	return tokens
}
