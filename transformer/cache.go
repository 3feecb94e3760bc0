package transformer

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/dtype"
	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/stream"
)

// CacheType is how keys and values are kept.
type CacheType string

// The cache types. F16 halves the memory and rounds keys and values to half
// precision.
const (
	CacheF32 CacheType = "f32"
	CacheF16 CacheType = "f16"
)

// size returns the bytes of one value.
func (t CacheType) size() int {
	if t == CacheF16 {
		return 2
	}
	return 4
}

// cache holds the keys and values of every position so far, in memory outside the
// Go heap. Layers with a sliding window keep all positions too.
type cache struct {
	budget  *stream.Budget
	bytes   []byte
	f32     []float32
	f16     []uint16
	context int // positions there is room for
	heads   int
	dim     int
}

// cacheBytes returns the memory of a cache.
func cacheBytes(c *Config, context int, t CacheType) int64 {
	return 2 * int64(c.Layers) * int64(c.KVHeads) * int64(context) * int64(c.HeadDim) * int64(t.size())
}

func newCache(c *Config, context int, t CacheType, b *stream.Budget) (*cache, error) {
	n := cacheBytes(c, context, t)
	if err := b.Reserve(fmt.Sprintf("the key/value cache of %d positions", context), n); err != nil {
		return nil, err
	}
	bytes, err := offheap.Alloc(int(n))
	if err != nil {
		b.Release(n)
		return nil, err
	}
	k := &cache{budget: b, bytes: bytes, context: context, heads: c.KVHeads, dim: c.HeadDim}
	if t == CacheF16 {
		k.f16 = offheap.Uint16s(bytes)
	} else {
		k.f32 = offheap.Float32s(bytes)
	}
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

// at returns where [layer][keys, values][head][position][dim] begins.
func (k *cache) at(layer, kind, head, position int) int {
	return (((layer*2+kind)*k.heads+head)*k.context + position) * k.dim
}

// put stores a position's keys (kind 0) or values (kind 1), all heads.
func (k *cache) put(layer, kind, position int, x []float32) {
	for h := range k.heads {
		at := k.at(layer, kind, h, position)
		src := x[h*k.dim:][:k.dim]
		if k.f32 != nil {
			copy(k.f32[at:], src)
			continue
		}
		for i, v := range src {
			k.f16[at+i] = dtype.ToF16(v)
		}
	}
}

// get returns positions [a, b) of a head: the cache's own memory, or scratch, which
// has room for them, filled.
func (k *cache) get(scratch []float32, layer, kind, head, a, b int) []float32 {
	at, n := k.at(layer, kind, head, a), (b-a)*k.dim
	if k.f32 != nil {
		return k.f32[at:][:n]
	}
	scratch = scratch[:n]
	for i, v := range k.f16[at:][:n] {
		scratch[i] = dtype.FromF16(v)
	}
	return scratch
}
