package cdna

import (
	"crypto/sha256"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/storage"
)

// CacheKey says what a packed block holds: the SHA-256 that the block index has of it, the CRC-32C of its packed bytes, and how
// many these are. Blocks of equal content that were packed in different ways have different keys.
type CacheKey struct {
	SHA256 [sha256.Size]byte
	CRC32C uint32
	Bytes  int
}

// Cache keeps packed blocks of files that lie far away. What it gives is compared before use, so it may lie, or lose anything at any
// time. It is safe for concurrent use.
type Cache interface {
	// Get fills p with a block, and tells whether it has one of that length.
	Get(key CacheKey, p []byte) bool
	// Put keeps a block, or does not. p is the caller's again afterwards.
	Put(key CacheKey, p []byte)
	// Ahead tells whether it has a block, which will be asked for soon.
	Ahead(key CacheKey) bool
	// Used says that a block was right.
	Used(key CacheKey)
	// Remove removes a block, which was wrong.
	Remove(key CacheKey)
}

// cached is a cache, with what is known of one file's blocks in it.
type cached struct {
	cache Cache
	right []atomic.Uint64 // a bit for each block that was found right in it, or put there
}

// UseCache has blocks read from a cache where it has them, and kept there where it does not: verified ones alone, whatever the
// policy of who reads. It has no effect where ExpectPacked did not say what packed bytes must be. It must be called before the first block is read.
func (f *Blocks) UseCache(c Cache) {
	f.cache = &cached{c, make([]atomic.Uint64, (len(f.blocks)+63)/64)}
}

func (f *Blocks) caches() bool { return f.cache != nil && f.packedSums != nil }

func (f *Blocks) cacheKey(i int) CacheKey {
	b := &f.blocks[i]
	return CacheKey{b.SHA256, f.packedSums[i], b.CompLen}
}

// fromCache fills dst with block i if the cache has it. The first time it is verified here, as its reader may do
// later; what is wrong is removed, and missing.
func (f *Blocks) fromCache(dst []byte, i int) bool {
	if !f.caches() {
		return false
	}
	key, word, bit := f.cacheKey(i), &f.cache.right[i/64], uint64(1)<<(i%64)
	if !f.cache.cache.Get(key, dst) {
		return false
	}
	if f.CheckPacked(i, dst) != nil || word.Load()&bit == 0 && !f.verifies(i, dst) {
		f.distrustCache(i)
		return false
	}
	if word.Or(bit)&bit == 0 {
		f.cache.cache.Used(key)
	}
	return true
}

// toCache keeps the packed bytes of block i, which were read from its file, if they are right.
func (f *Blocks) toCache(comp []byte, i int) {
	if f.caches() && f.verifies(i, comp) {
		f.cache.cache.Put(f.cacheKey(i), comp)
		f.cache.right[i/64].Or(1 << (i % 64))
	}
}

// distrustCache removes block i from the cache; the next time it is verified again.
func (f *Blocks) distrustCache(i int) {
	if f.caches() {
		f.cache.cache.Remove(f.cacheKey(i))
		f.cache.right[i/64].And(^(uint64(1) << (i % 64)))
	}
}

// verifies tells whether packed bytes are those of block i, by its SHA-256.
func (f *Blocks) verifies(i int, comp []byte) bool {
	b := &f.blocks[i]
	if f.codec == nil || f.InTiles() {
		return sha256.Sum256(comp) == b.SHA256
	}
	buf := take(&f.plain, f.MaxBlockLen())
	defer f.plain.Put(buf)
	plain := (*buf)[:b.DecompLen]
	return f.codec.Decode(plain, comp) == nil && sha256.Sum256(plain) == b.SHA256
}

// aheadOfCache is Ahead of those blocks [first, last) that the cache does not have.
func (f *Blocks) aheadOfCache(first, last int) {
	begin := first
	for i := first; i <= last; i++ {
		if i < last && !f.cache.cache.Ahead(f.cacheKey(i)) {
			continue
		}
		f.aheadInFile(begin, i)
		begin = i + 1
	}
}

// aheadInFile tells the file of the reads of blocks [first, last).
func (f *Blocks) aheadInFile(first, last int) {
	if first < last {
		off, end := f.blocks[first].Offset, f.blocks[last-1]
		storage.Ahead(f.data, off, end.Offset+int64(end.CompLen)-off)
	}
}
