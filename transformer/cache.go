package transformer

import (
	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/offheap"
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
// far, in pages that have for each layer with attention and each head a tile of package kernel, and the states of the other
// layers. Layers with a sliding window keep all positions too.
type cache struct {
	pages  *pages
	held   []*page
	memory [][]byte // of the pages held
	shared int      // pages that are in the tree, the first ones: they are read only
	open   bool

	form   kernel.KVForm
	places []cachePlace // of each layer

	states []byte
	recurrence
}

// cachePlace is where a page has a layer's tiles, one for each head.
type cachePlace struct {
	at, heads, dim int
	tile           int // bytes of one
}

// cacheLayout says where the layers' parts of a cache lie.
type cacheLayout struct {
	config *arch.Config
	turns  bool  // layers use one place by turns
	states []int // of each layer that has one: where its state begins
	state  int   // numbers of all states
}

// wholeLayout has a place for each layer; where all of a text goes through a layer before the next one, layers use one by turns.
func wholeLayout(c *arch.Config) cacheLayout {
	if c.Bidirectional {
		return layerLayout(c)
	}
	l := cacheLayout{config: c, states: make([]int, c.Layers)}
	for i := range c.Layers {
		l.states[i], l.state = l.state, l.state+c.State(i)
	}
	return l
}

// layerLayout has one place for all layers, which use it by turns.
func layerLayout(c *arch.Config) cacheLayout {
	l := cacheLayout{config: c, turns: true, states: make([]int, c.Layers)}
	for i := range c.Layers {
		l.state = max(l.state, c.State(i))
	}
	return l
}

// places returns each layer's place in a page, and the page's bytes. Layers that see another's keys and values have its place.
func (l *cacheLayout) places(t CacheType) (list []cachePlace, size int) {
	c := l.config
	list = make([]cachePlace, c.Layers)
	for i := range list {
		if from := c.KVSource(i); from < i {
			list[i] = list[from]
			continue
		}
		p := cachePlace{heads: c.KVHeadsOf(i), dim: c.HeadDimOf(i)}
		p.tile = t.form().TileBytes(p.dim)
		switch {
		case l.turns:
			size = max(size, p.heads*p.tile)
		case c.HasAttention(i):
			p.at, size = size, size+p.heads*p.tile
		}
		list[i] = p
	}
	return list, size
}

// keys returns the bytes of keys and values.
func (l *cacheLayout) keys(context int, t CacheType) int64 {
	_, size := l.places(t)
	return int64(size) * int64((context+kernel.AttentionTile-1)/kernel.AttentionTile)
}

// copied returns the bytes of a state, and of so many copies of it.
func (l *cacheLayout) copied(snapshots int) int64 { return int64(1+snapshots) * 4 * int64(l.state) }

// bytes returns the memory of so many caches, with pages for so many whole contexts, and with a state more for each to leave
// behind.
func (l *cacheLayout) bytes(sequences, contexts, context int, t CacheType, snapshots int) int64 {
	return int64(sequences)*l.copied(1+snapshots) + int64(contexts)*l.keys(context, t)
}

// newCache returns the cache of a sequence, which holds nothing, for a context of at most so many positions.
func newCache(l cacheLayout, context int, t CacheType, snapshots int, p *pages) (*cache, error) {
	n := int(l.copied(snapshots))
	if err := p.budget.Reserve("the states of a sequence", int64(n)); err != nil {
		return nil, err
	}
	states, err := offheap.Alloc(n)
	if err != nil {
		p.budget.Release(int64(n))
		return nil, err
	}
	most := (context + pageTokens - 1) / pageTokens
	k := &cache{
		pages: p, held: make([]*page, 0, most), memory: make([][]byte, 0, most), open: true,
		form: t.form(), states: states,
	}
	k.places, _ = l.places(t)
	k.recurrence = newStates(l, offheap.Float32s(states), snapshots)
	return k, nil
}

func (k *cache) close() error {
	if !k.open {
		return nil
	}
	k.cut(0)
	k.pages.budget.Release(int64(len(k.states)))
	err := offheap.Free(k.states)
	*k = cache{}
	return err
}

// reserve makes room for what a pass writes from one position to another. Errors are ErrCache and those of memory; then there
// is less room than asked for, and what was there is as it was.
func (k *cache) reserve(from, to int) error {
	p := k.pages
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := k.shared - 1; i >= from/pageTokens; i-- {
		own, err := p.private(k.held[i])
		if err != nil {
			return err
		}
		k.held[i], k.memory[i], k.shared = own, own.bytes, i
	}
	for len(k.held)*pageTokens < to {
		own, err := p.take()
		if err != nil {
			return err
		}
		k.append(own)
	}
	return nil
}

// cut gives back the pages behind n tokens.
func (k *cache) cut(n int) {
	p := k.pages
	p.mu.Lock()
	defer p.mu.Unlock()
	k.release((n + pageTokens - 1) / pageTokens)
}

// release gives back all pages but the first n. The pages' lock is held.
func (k *cache) release(n int) {
	for i := len(k.held) - 1; i >= n; i-- {
		k.pages.release(k.held[i])
		k.held[i], k.memory[i] = nil, nil
		k.held, k.memory = k.held[:i], k.memory[:i]
	}
	k.shared = min(k.shared, n)
}

// put stores a position's keys and values, all heads.
func (k *cache) put(layer, position int, keys, values []float32) {
	p := &k.places[layer]
	for h := range p.heads {
		tile := k.memory[position/pageTokens][p.at+h*p.tile:][:p.tile]
		k.form.Put(tile, position%kernel.AttentionTile, keys[h*p.dim:][:p.dim], values[h*p.dim:][:p.dim])
	}
}

// tiles returns the tiles of a head.
func (k *cache) tiles(layer, head int) kernel.Tiles {
	p := &k.places[layer]
	return kernel.Tiles{Pages: k.memory, At: p.at + head*p.tile}
}
