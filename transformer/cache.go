package transformer

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/memory"
)

// CacheType is how keys and values are kept.
type CacheType string

// The cache types. CacheF16 halves the memory and rounds keys and values to half precision; CacheInt8 takes a little more
// than half of that and rounds them to integers, with a scale for each head's key, and value, at a position.
const (
	CacheF32  CacheType = "f32"
	CacheF16  CacheType = "f16"
	CacheInt8 CacheType = "int8"
)

// CacheTypes are all cache types.
var CacheTypes = []CacheType{CacheF32, CacheF16, CacheInt8}

// form returns how the kernels call it.
func (t CacheType) form() kernel.KVForm {
	switch t {
	case CacheF16:
		return kernel.KVF16
	case CacheInt8:
		return kernel.KVInt8
	}
	return kernel.KVF32
}

// cache holds the keys and values of every position so far, in memory outside the Go heap: of each layer and head the
// tiles of package kernel. Layers with a sliding window keep all positions too.
type cache struct {
	first  int // layer that it holds; the others follow
	budget *memory.Ledger
	bytes  []byte
	form   kernel.KVForm
	heads  int
	dim    int
	tile   int // bytes of a tile
	head   int // bytes of a head's tiles
}

// cacheBytes returns the memory of a cache of so many layers.
func cacheBytes(c *arch.Config, layers, context int, t CacheType) int64 {
	tiles := (context + kernel.AttentionTile - 1) / kernel.AttentionTile
	return int64(layers) * int64(c.KVHeads) * int64(tiles) * int64(t.form().TileBytes(c.HeadDim))
}

func newCache(c *arch.Config, layers, context int, t CacheType, b *memory.Ledger) (*cache, error) {
	n := cacheBytes(c, layers, context, t)
	if err := b.Reserve(fmt.Sprintf("the key/value cache of %d positions", context), n); err != nil {
		return nil, err
	}
	bytes, err := offheap.Alloc(int(n))
	if err != nil {
		b.Release(n)
		return nil, err
	}
	k := &cache{budget: b, bytes: bytes, form: t.form(), heads: c.KVHeads, dim: c.HeadDim, tile: t.form().TileBytes(c.HeadDim)}
	k.head = len(bytes) / layers / k.heads
	return k, nil
}

func (k *cache) close() error {
	if k.bytes == nil {
		return nil
	}
	k.budget.Release(int64(len(k.bytes)))
	err := offheap.Free(k.bytes)
	*k = cache{}
	return err
}

// put stores a position's keys and values, all heads.
func (k *cache) put(layer, position int, keys, values []float32) {
	for h := range k.heads {
		at := position / kernel.AttentionTile * k.tile
		k.form.Put(k.tiles(layer, h)[at:][:k.tile], position%kernel.AttentionTile, keys[h*k.dim:][:k.dim], values[h*k.dim:][:k.dim])
	}
}

// tiles returns all tiles of a head.
func (k *cache) tiles(layer, head int) []byte {
	return k.bytes[((layer-k.first)*k.heads+head)*k.head:][:k.head]
}
