package cdna

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/storage"
)

// Kind is a file format this package knows, told by the first four bytes.
type Kind int

// The kinds that Detect tells apart.
const (
	KindUnknown  Kind = iota
	KindCDNA1         // "HXZC"
	KindCDNA2         // "HXZ2"
	KindSidecar       // "HXZO"
	KindLossless      // "HXZL"
	KindLattice       // "HXZZ"
)

const (
	magicV1       = "HXZC"
	magicV2       = "HXZ2"
	magicSidecar  = "HXZO"
	magicLossless = "HXZL"
	magicLattice  = "HXZZ"
)

// String names the format in words.
func (k Kind) String() string {
	switch k {
	case KindCDNA1:
		return "CDNA v1"
	case KindCDNA2:
		return "CDNA v2"
	case KindSidecar:
		return "HXZO sidecar"
	case KindLossless:
		return "CDNA lossless"
	case KindLattice:
		return "CDNA lattice"
	}
	return "unknown format"
}

// Detect tells the format of r by its first four bytes. A file too short to have them, or with others, is
// KindUnknown and no error; the error is r's own.
func Detect(ctx context.Context, r io.ReaderAt) (Kind, error) {
	var magic [4]byte
	n, err := storage.ReadAt(ctx, r, magic[:], 0)
	if n < len(magic) {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return KindUnknown, err
	}
	switch string(magic[:]) {
	case magicV1:
		return KindCDNA1, nil
	case magicV2:
		return KindCDNA2, nil
	case magicSidecar:
		return KindSidecar, nil
	case magicLossless:
		return KindLossless, nil
	case magicLattice:
		return KindLattice, nil
	}
	return KindUnknown, nil
}

// DetectFile is Detect for a file by its name. What is not a regular file is ErrNotRegular, at once: opening a pipe
// could take for ever.
func DetectFile(path string) (Kind, error) {
	file, _, err := regularfile.Open(path)
	if err != nil {
		return KindUnknown, err
	}
	defer file.Close()
	kind, err := Detect(context.Background(), file)
	if err != nil {
		return KindUnknown, fmt.Errorf("%s: reading magic: %w", path, err)
	}
	return kind, nil
}
