package cdna

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
)

// A block's SHA-256 is of its unpacked bytes, and codecs have bits that say nothing: reserved ones, padding, the same
// table described in another way. Damage there changes no weight, and is not noticed. Who keeps the CRC-32C (RFC 3720) of
// the packed bytes elsewhere, as a model directory's manifest does, notices that too.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// PackedSums returns the CRC-32C of the packed bytes of each block, in order, as 8 hexadecimal digits each. It reads all
// blocks. For version 1 it is "".
func (f *Blocks) PackedSums(ctx context.Context) (string, error) {
	if f.headSum == "" {
		return "", nil
	}
	sums := make([]byte, 0, 4*len(f.blocks))
	buf := make([]byte, f.maxComp)
	for i := range f.blocks {
		comp := buf[:f.blocks[i].CompLen]
		if err := f.ReadCompressed(ctx, comp, i); err != nil {
			return "", err
		}
		sums = binary.BigEndian.AppendUint32(sums, crc32.Checksum(comp, castagnoli))
	}
	return hex.EncodeToString(sums), nil
}

// ExpectPacked makes every reading of a block compare its packed bytes with the sums that PackedSums once returned;
// ErrChecksum if they differ. It must be called before the first block is read. Sums that are not those of so many blocks
// are ErrChecksum too.
func (f *Blocks) ExpectPacked(sums string) error {
	raw, err := hex.DecodeString(sums)
	if err != nil || len(raw) != 4*len(f.blocks) {
		return fmt.Errorf("%s: %w: %d digits of packed sums for %d blocks", f.name, ErrChecksum, len(sums), len(f.blocks))
	}
	f.packedSums = make([]uint32, len(f.blocks))
	for i := range f.packedSums {
		f.packedSums[i] = binary.BigEndian.Uint32(raw[4*i:])
	}
	return nil
}

// CheckPacked compares comp, the packed bytes of block i, with the sums of ExpectPacked, if it is known what they must be: for who has read them from
// [Blocks.Disk]. ErrChecksum if they differ.
func (f *Blocks) CheckPacked(i int, comp []byte) error {
	if f.packedSums == nil {
		return nil
	}
	if got := crc32.Checksum(comp, castagnoli); got != f.packedSums[i] {
		return f.blockError(i, fmt.Errorf("%w: CRC-32C of the packed bytes is %08x, recorded %08x", ErrChecksum, got, f.packedSums[i]))
	}
	return nil
}
