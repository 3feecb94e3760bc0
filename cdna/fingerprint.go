package cdna

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
)

// Fingerprint returns a SHA-256, in hex, that stands for all that the file holds. For
// version 2 it is that of the head, which has the blocks' own sums; in files that carry
// a head_sha256 it is that number. For version 1 it is that of the codebook as
// little-endian float32 and the indices. It reads no blocks of version 2.
func (f *File) Fingerprint() (string, error) {
	if f.version == 1 {
		return f.contentSum()
	}
	return f.headSum()
}

// Fingerprint returns a SHA-256, in hex, that stands for all that the file holds: that of
// the head, which has the blocks' own sums. It reads no blocks.
func (f *Lossless) Fingerprint() (string, error) { return f.headSum() }

func (f *Blocks) headSum() (string, error) {
	head := make([]byte, f.blocks[0].Offset)
	if err := readAt(f.data, head, 0, "head"); err != nil {
		return "", fmt.Errorf("%s: %w", f.name, err)
	}
	headerEnd := prefixLen + int(binary.LittleEndian.Uint16(head[6:]))
	if digits := headSumDigits(head, headerEnd); digits != nil {
		copy(digits, noHeadSum)
	}
	sum := sha256.Sum256(head)
	return hex.EncodeToString(sum[:]), nil
}

func (f *File) contentSum() (string, error) {
	h := sha256.New()
	for _, v := range f.codebook {
		h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
	block := make([]byte, f.MaxBlockLen())
	for i := range f.blocks {
		b := block[:f.blocks[i].DecompLen]
		if _, err := f.ReadBlock(b, i, nil); err != nil {
			return "", err
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
