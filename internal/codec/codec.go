// Package codec packs one block of index bytes and unpacks it again.
//
// An index stream is noise with a skewed histogram: there are no repeats to
// find, only order-0 entropy to remove. So level 0 of the codecs that can is a
// Huffman coder with no match search, written in a standard format:
//
//	none    the bytes themselves
//	huff0   RFC 8878 literals sections, one for every 128 KiB (see docs/FORMAT.md)
//	zstd    a Zstandard frame (RFC 8878); level 0 holds literals only
//	lz4     an LZ4 frame; has no entropy coder, so mostly stored
//	brotli  a Brotli stream (RFC 7932); level 0 holds literals only
//
// Floating-point numbers are no such bytes; NewPlanes splits them into byte planes,
// each of which goes to one of these. Lattice matrices have codecs of their own, NewLattice and
// NewTiles.
//
// Any decoder of the format reads what is written here, at every level, and
// Decode reads what any encoder of the format wrote, provided it is one frame
// of exactly the expected length.
//
// Packing that saves less than 2 % costs more time to undo than it saves to
// read, so such a block is stored in the format's own way (a raw block, an
// uncompressed metablock) and decodes at the speed of memory.
//
// Encode gives the same bytes for the same input and level, on any machine and
// from any number of goroutines.
package codec

import (
	"errors"
	"fmt"
)

var (
	// ErrUnknown says that there is no codec of that name.
	ErrUnknown = errors.New("unknown codec")
	// ErrLevel says that the codec has no such level.
	ErrLevel = errors.New("codec level out of range")
	// ErrCorrupt says that the packed bytes do not decode to exactly the
	// expected number of bytes.
	ErrCorrupt = errors.New("corrupt compressed data")
	// ErrTooLarge says that a block is longer than MaxBlock.
	ErrTooLarge = errors.New("block too large for codec")
	// ErrLength says that a block is no whole number of elements.
	ErrLength = errors.New("not whole elements")
)

// MaxBlock is the longest block, in bytes, that Encode accepts.
const MaxBlock = 1<<31 - 1

// MaxRatio is the most bytes that one packed byte stands for in what Encode
// writes. The formats can say a gigabyte of zeros in a few bytes; because no
// block of ours does, a reader need not believe a file that claims to.
const MaxRatio = 1024

// Codec packs one block of index bytes. Implementations are safe for
// concurrent use and keep neither dst nor src.
type Codec interface {
	// Name is the "encoding" in a file's header.
	Name() string
	// Encode appends the packed form of src to dst and returns the extended
	// slice, like append. src and dst must not overlap. The only error is
	// ErrTooLarge, and ErrLength of NewPlanes.
	Encode(dst, src []byte) ([]byte, error)
	// Decode fills dst with exactly what src unpacks to, or returns an error
	// that wraps ErrCorrupt and leaves dst undefined. Whatever src claims, it
	// allocates no more than the order of len(dst) and a constant: 16 MiB for a
	// brotli stream with the largest window, well below 1 MiB for all others.
	Decode(dst, src []byte) error
}

// Names lists the codecs, simplest first.
func Names() []string { return []string{"none", "huff0", "zstd", "lz4", "brotli"} }

// Check returns the error of New: ErrUnknown, ErrLevel or none.
func Check(name string, level int) error {
	highest, known := map[string]int{"none": 0, "huff0": 0, "zstd": 22, "lz4": 9, "brotli": 11}[name]
	if !known {
		return fmt.Errorf("%w %q (have %q)", ErrUnknown, name, Names())
	}
	if level < 0 || level > highest {
		return fmt.Errorf("%w: %s has levels 0 to %d, not %d", ErrLevel, name, highest, level)
	}
	return nil
}

// New returns the codec of that name. Level 0 is the codec's fast default;
// higher levels, where there are any (zstd 1..22, lz4 1..9, brotli 1..11), look
// for matches and take longer. Levels matter to Encode only.
func New(name string, level int) (Codec, error) {
	if err := Check(name, level); err != nil {
		return nil, err
	}
	switch name {
	case "huff0":
		return newHuff0(), nil
	case "zstd":
		return newZstd(level), nil
	case "lz4":
		return newLZ4(level), nil
	case "brotli":
		return newBrotli(level), nil
	default:
		return none{}, nil
	}
}

// worthwhile is the min-gain rule: a block is packed only if that saves 2 %.
func worthwhile(packed, plain int) bool {
	return packed <= plain-(plain+49)/50
}

// overpacked tells whether packed bytes break the bound of MaxRatio.
func overpacked(packed, plain int) bool {
	return int64(plain) > int64(packed)*MaxRatio
}

func corrupt(codec, format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", codec, ErrCorrupt, fmt.Sprintf(format, args...))
}

func checkLength(codec string, src []byte) error {
	if len(src) > MaxBlock {
		return fmt.Errorf("%s: %w: %d bytes", codec, ErrTooLarge, len(src))
	}
	return nil
}
