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

// cache holds what a sequence's tokens leave behind, in memory outside the Go heap: the keys and values of every position so
// far, of each layer with attention and head the tiles of package kernel, and the states of the other layers. Layers with a
// sliding window keep all positions too.
type cache struct {
	budget *memory.Ledger
	bytes  []byte
	form   kernel.KVForm
	heads  int
	dim    int
	tile   int   // bytes of a tile
	head   int   // bytes of a head's tiles
	place  []int // of each layer among those with attention
	recurrence
}

// cacheLayout says where the layers' parts of a cache lie.
type cacheLayout struct {
	config    *arch.Config
	attention []int // of each layer that has it: its number among them
	layers    int   // with attention
	states    []int // of each other layer: where its state begins
	state     int   // numbers of all states
}

// wholeLayout has a place for each layer.
func wholeLayout(c *arch.Config) cacheLayout {
	l := cacheLayout{config: c, attention: make([]int, c.Layers), states: make([]int, c.Layers)}
	for i := range c.Layers {
		if n := c.State(i); n > 0 {
			l.states[i], l.state = l.state, l.state+n
		} else {
			l.attention[i] = l.layers
			l.layers++
		}
	}
	return l
}

// layerLayout has one place for all layers, which use it by turns.
func layerLayout(c *arch.Config) cacheLayout {
	l := cacheLayout{config: c, attention: make([]int, c.Layers), layers: 1, states: make([]int, c.Layers)}
	for i := range c.Layers {
		l.state = max(l.state, c.State(i))
	}
	return l
}

// keys returns the bytes of keys and values.
func (l *cacheLayout) keys(context int, t CacheType) int64 {
	tiles := (context + kernel.AttentionTile - 1) / kernel.AttentionTile
	return int64(l.layers) * int64(l.config.KVHeads) * int64(tiles) * int64(t.form().TileBytes(l.config.HeadDim))
}

// copied returns the bytes of a state, and of so many copies of it.
func (l *cacheLayout) copied(snapshots int) int64 {
	if l.state == 0 {
		return 0
	}
	return int64(1+snapshots) * 4 * int64(l.state)
}

// bytes returns the memory of a cache.
func (l *cacheLayout) bytes(context int, t CacheType, snapshots int) int64 {
	return l.copied(snapshots) + l.keys(context, t)
}

func newCache(l cacheLayout, context int, t CacheType, snapshots int, b *memory.Ledger) (*cache, error) {
	c := l.config
	n := l.bytes(context, t, snapshots)
	if err := b.Reserve(fmt.Sprintf("the key/value cache of %d positions", context), n); err != nil {
		return nil, err
	}
	bytes, err := offheap.Alloc(int(n))
	if err != nil {
		b.Release(n)
		return nil, err
	}
	k := &cache{budget: b, bytes: bytes, form: t.form(), heads: c.KVHeads, dim: c.HeadDim, tile: t.form().TileBytes(c.HeadDim), place: l.attention}
	keys := int(l.keys(context, t))
	k.head = keys / max(1, l.layers) / k.heads
	k.recurrence = newStates(l, offheap.Float32s(bytes[keys:]), snapshots)
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
	return k.bytes[(k.place[layer]*k.heads+head)*k.head:][:k.head]
}
