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
	// Used says that a block that Get gave was right.
	Used(key CacheKey)
	// Remove removes a block, which was wrong.
	Remove(key CacheKey)
}

// cached is a cache, with what is known of one file's blocks in it.
type cached struct {
	cache Cache
	given []atomic.Uint64 // a bit for each block that it gave the last time, or was given
	right []atomic.Uint64 // and for each of these that was found right
}

// UseCache has blocks read from a cache where it has them, and kept there where it does not, when they are right: see Keep.
// It has no effect where ExpectPacked did not say what packed bytes must be. It must be called before the first block is read.
func (f *Blocks) UseCache(c Cache) {
	words := (len(f.blocks) + 63) / 64
	f.cache = &cached{c, make([]atomic.Uint64, words), make([]atomic.Uint64, words)}
}

// Caches tells whether what is right is kept.
func (f *Blocks) Caches() bool { return f.cache != nil && f.packedSums != nil }

func (f *Blocks) cacheKey(i int) CacheKey {
	b := &f.blocks[i]
	return CacheKey{b.SHA256, f.packedSums[i], b.CompLen}
}

// fromCache fills dst with block i if the cache has it, with the packed bytes that are expected. What is wrong is removed, and missing.
func (f *Blocks) fromCache(dst []byte, i int) bool {
	if !f.Caches() {
		return false
	}
	word, bit := i/64, uint64(1)<<(i%64)
	if !f.cache.cache.Get(f.cacheKey(i), dst) {
		f.cache.given[word].And(^bit)
		f.cache.right[word].And(^bit)
		return false
	}
	if f.CheckPacked(i, dst) != nil {
		f.distrustCache(i)
		return false
	}
	f.cache.given[word].Or(bit)
	return true
}

// Keep keeps the packed bytes of block i, whose hash has been found right, in the cache, if there is one and it has not given them.
func (f *Blocks) Keep(i int, packed []byte) {
	if !f.Caches() {
		return
	}
	word, bit := i/64, uint64(1)<<(i%64)
	if f.cache.right[word].Or(bit)&bit != 0 {
		return
	}
	if f.cache.given[word].Or(bit)&bit != 0 {
		f.cache.cache.Used(f.cacheKey(i))
	} else {
		f.cache.cache.Put(f.cacheKey(i), packed)
	}
}

// distrustCache removes block i from the cache.
func (f *Blocks) distrustCache(i int) {
	if f.Caches() {
		f.cache.cache.Remove(f.cacheKey(i))
		f.cache.given[i/64].And(^(uint64(1) << (i % 64)))
		f.cache.right[i/64].And(^(uint64(1) << (i % 64)))
	}
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
