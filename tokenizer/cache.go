package tokenizer

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// cache remembers the ids of short pieces. It has a fixed number of slots (at most some MB); a piece takes the slot of the one that
// was there. Entries never change, so readers and writers need no locks, and what it holds never shows in results.
type cache struct {
	seed  maphash.Seed
	slots [1 << cacheBits]atomic.Pointer[entry]
}

const cacheBits = 15

type entry struct {
	piece string
	ids   []int32
}

func newCache() *cache { return &cache{seed: maphash.MakeSeed()} }

func (c *cache) slot(piece string) *atomic.Pointer[entry] {
	return &c.slots[maphash.String(c.seed, piece)>>(64-cacheBits)]
}

func newEntry(piece string, ids []int) *entry {
	e := &entry{strings.Clone(piece), make([]int32, len(ids))}
	for i, id := range ids {
		e.ids[i] = int32(id)
	}
	return e
}
