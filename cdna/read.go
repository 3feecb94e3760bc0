package cdna

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/sha256pair"
	"github.com/helix-substrate/helix-substrate/storage"
)

// ReadCompressed reads the packed bytes of block i; len(dst) must be Block(i).CompLen. It checks them where ExpectPacked
// has said what they must be.
func (f *Blocks) ReadCompressed(ctx context.Context, dst []byte, i int) error {
	if err := f.checkBuffer(i, len(dst), func(b *Block) int { return b.CompLen }); err != nil {
		return err
	}
	if f.fromCache(dst, i) {
		return nil
	}
	if err := readAt(ctx, f.data, dst, f.blocks[i].Offset, "data"); err != nil {
		return f.blockError(i, err)
	}
	return f.CheckPacked(i, dst)
}

// Ahead tells that blocks [first, last), as far as there are any, will be read soon: where the file is Uncached and lies on
// a disk, that begins with reading them, and Ahead does not wait for it.
func (f *Blocks) Ahead(first, last int) {
	first, last = max(first, 0), min(last, len(f.blocks))
	if first < last && f.Caches() {
		f.aheadOfCache(first, last)
		return
	}
	f.aheadInFile(first, last)
}

// AheadRoom returns how many bytes it is worth to be Ahead by where the file lies far away, 0 where it does not.
func (f *Blocks) AheadRoom() int64 { return storage.AheadRoom(f.data) }

// Disk returns the open file in which each block lies at its Offset, where the file is Uncached and lies on a disk; else nil.
func (f *Blocks) Disk() *os.File { return storage.Disk(f.data) }

// Decompress unpacks comp, the packed bytes of block i, to dst; len(dst) must be Block(i).DecompLen. It checks that
// exactly so many bytes come out, but not which: that is CheckBlock.
func (f *Blocks) Decompress(dst, comp []byte, i int) error {
	if err := f.checkBuffer(i, len(comp), func(b *Block) int { return b.CompLen }); err != nil {
		return err
	}
	if err := f.checkBuffer(i, len(dst), func(b *Block) int { return b.DecompLen }); err != nil {
		return err
	}
	if f.codec == nil {
		copy(dst, comp)
		return nil
	}
	if err := f.codec.Decode(dst, comp); err != nil {
		f.distrustCache(i)
		return f.blockError(i, fmt.Errorf("%w: %w", ErrCorrupt, err))
	}
	return nil
}

// Stored tells whether blocks hold their bytes as they are (encoding "none"), so that ReadCompressed can read them to
// where they are wanted.
func (f *Blocks) Stored() bool { return f.codec == nil }

// CheckBlock compares the SHA-256 of b, the unpacked bytes of block i, or the packed ones where [Blocks.InTiles], with the
// block index; ErrChecksum if they differ. Codes of a lattice file that the head contradicts are ErrCorrupt.
func (f *Blocks) CheckBlock(i int, b []byte) error {
	if err := f.checkBuffer(i, len(b), f.summed); err != nil {
		return err
	}
	return f.checkSum(i, b, sha256.Sum256(b))
}

// CheckTwoBlocks is CheckBlock of block i and the next, of which a and b are the bytes, in less time than one after the other.
func (f *Blocks) CheckTwoBlocks(i int, a, b []byte) error {
	if err := f.checkBuffer(i, len(a), f.summed); err != nil {
		return err
	}
	if err := f.checkBuffer(i+1, len(b), f.summed); err != nil {
		return err
	}
	first, second := sha256pair.Sum(a, b)
	if err := f.checkSum(i, a, first); err != nil {
		return err
	}
	return f.checkSum(i+1, b, second)
}

// checkSum compares the sum of b, which block i's is of, and what b must keep to besides.
func (f *Blocks) checkSum(i int, b []byte, sum [sha256.Size]byte) error {
	if sum != f.blocks[i].SHA256 {
		f.distrustCache(i)
		return f.blockError(i, fmt.Errorf("%w: SHA-256 %x, the index has %x", ErrChecksum, sum, f.blocks[i].SHA256))
	}
	if f.rule != nil {
		if err := f.rule(i, b); err != nil {
			return f.blockError(i, err)
		}
	}
	return nil
}

// summed is the length of what a block's sum is of.
func (f *Blocks) summed(b *Block) int {
	if f.InTiles() {
		return b.CompLen
	}
	return b.DecompLen
}

// ReadBlock reads and unpacks block i to dst, whose length must be Block(i).DecompLen, and checks its SHA-256 if v asks
// for it; verified says whether it did. A nil v checks always. dst is undefined after an error.
func (f *Blocks) ReadBlock(ctx context.Context, dst []byte, i int, v *Verifier) (verified bool, err error) {
	if f.codec == nil {
		if err := f.ReadCompressed(ctx, dst, i); err != nil {
			return false, err
		}
		return f.CheckNeeded(i, dst, dst, v)
	}
	if err := f.checkBuffer(i, len(dst), func(b *Block) int { return b.DecompLen }); err != nil {
		return false, err
	}
	buf := take(&f.packed, f.maxComp)
	defer f.packed.Put(buf)
	comp := (*buf)[:f.blocks[i].CompLen]
	if err := f.ReadCompressed(ctx, comp, i); err != nil {
		return false, err
	}
	if f.InTiles() {
		if verified, err = f.CheckNeeded(i, comp, comp, v); err == nil {
			err = f.Decompress(dst, comp, i)
		}
		return verified, err
	}
	if err := f.Decompress(dst, comp, i); err != nil {
		return false, err
	}
	return f.CheckNeeded(i, comp, dst, v)
}

// CheckNeeded is CheckBlock of block i, whose packed bytes are given too, where v asks for it, and tells whether it does. What is right
// is kept, as by Keep.
func (f *Blocks) CheckNeeded(i int, packed, b []byte, v *Verifier) (verified bool, err error) {
	if v.Need(i, packed) {
		if err := f.CheckBlock(i, b); err != nil {
			return false, err
		}
		v.Done(i, packed)
		verified = true
	}
	if verified || v.Recognizes() {
		f.Keep(i, packed)
	}
	return verified, nil
}

// ReadRows reads the indices, or in a lossless file the elements' bytes, of rows a to b-1 to dst, whose length must be
// theirs: (b-a)*Cols() times the size of an element. It reads the blocks that hold
// them and checks these as ReadBlock does. Errors wrap ErrShape when the range or the length is wrong.
func (f *Blocks) ReadRows(ctx context.Context, dst []byte, a, b int, v *Verifier) error {
	if a < 0 || b < a || b > f.grid.rows {
		return fmt.Errorf("%s: %w: rows %d to %d of %d", f.name, ErrShape, a, b, f.grid.rows)
	}
	row := f.grid.rowBytes()
	if len(dst) != (b-a)*row {
		return fmt.Errorf("%s: %w: a buffer of %d bytes for %d rows of %d", f.name, ErrShape, len(dst), b-a, row)
	}
	for a < b {
		i := a / f.grid.blockRows
		block := &f.blocks[i]
		end := min(b, block.FirstRow+block.Rows)
		part := dst[:(end-a)*row]
		if err := f.readPart(ctx, part, i, (a-block.FirstRow)*row, v); err != nil {
			return err
		}
		dst, a = dst[len(part):], end
	}
	return nil
}

// readPart reads block i, unpacked, from byte skip on. A whole block goes straight to dst.
func (f *Blocks) readPart(ctx context.Context, dst []byte, i, skip int, v *Verifier) error {
	n := f.blocks[i].DecompLen
	if len(dst) == n {
		_, err := f.ReadBlock(ctx, dst, i, v)
		return err
	}
	buf := take(&f.plain, f.MaxBlockLen())
	defer f.plain.Put(buf)
	if _, err := f.ReadBlock(ctx, (*buf)[:n], i, v); err != nil {
		return err
	}
	copy(dst, (*buf)[skip:])
	return nil
}

// take gets a buffer of n bytes from a pool that holds only such.
func take(pool *sync.Pool, n int) *[]byte {
	if buf, ok := pool.Get().(*[]byte); ok {
		return buf
	}
	buf := make([]byte, n)
	return &buf
}

// checkBuffer refuses block numbers out of range and buffers whose length is not want's.
func (f *Blocks) checkBuffer(i, n int, want func(*Block) int) error {
	if i < 0 || i >= len(f.blocks) {
		return fmt.Errorf("%s: %w: block %d of %d", f.name, ErrBlockIndex, i, len(f.blocks))
	}
	if w := want(&f.blocks[i]); n != w {
		return f.blockError(i, fmt.Errorf("%w: a buffer of %d bytes, want %d", ErrBlockSize, n, w))
	}
	return nil
}

func (f *Blocks) blockError(i int, err error) error {
	return fmt.Errorf("%s: block %d (byte %d): %w", f.name, i, f.blocks[i].Offset, err)
}
