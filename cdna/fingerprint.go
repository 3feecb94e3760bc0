package cdna

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
)

// Fingerprint returns a SHA-256, in hex, that stands for all that the file holds. For
// version 2 it is that of the head as it was when the file was opened, which has the
// blocks' own sums; in files that carry a head_sha256 it is that number. For version 1 it
// is that of the codebook as little-endian float32 and the indices. It reads nothing of
// version 2.
func (f *File) Fingerprint(ctx context.Context) (string, error) {
	if f.version == 1 {
		return f.contentSum(ctx)
	}
	return f.headSum, nil
}

// HeadSHA256 returns the SHA-256, in hex, of the head as it was when the file was opened;
// "" for version 1.
func (f *Blocks) HeadSHA256() string { return f.headSum }

// Fingerprint returns a SHA-256, in hex, that stands for all that the file holds: that of
// the head as it was when the file was opened, which has the blocks' own sums.
func (f *Lossless) Fingerprint(context.Context) (string, error) { return f.headSum, nil }

func (f *File) contentSum(ctx context.Context) (string, error) {
	h := sha256.New()
	for _, v := range f.codebook {
		h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
	block := make([]byte, f.MaxBlockLen())
	for i := range f.blocks {
		b := block[:f.blocks[i].DecompLen]
		if _, err := f.ReadBlock(ctx, b, i, nil); err != nil {
			return "", err
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
