package checkpoint

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/blockcache"
)

// DefaultBlockCache is the size in bytes of a cache of blocks where none is named.
const DefaultBlockCache = 2 << 30

// cachingPlace is a place far away, with blocks near.
type cachingPlace struct {
	far
	cache *blockcache.Cache
}

// BlockCache is what package model asks for.
func (p *cachingPlace) BlockCache() cdna.Cache { return p.cache }

// WithBlockCache returns the location with blocks of its matrices kept in the directory dir, at most so many bytes of them (0:
// DefaultBlockCache), which other processes may share; each is verified when it is read. "" is none. It has no effect on a model that lies here, nor on
// one that was not converted, whose files have no hashes.
func (l Location) WithBlockCache(dir string, bytes int64) (Location, error) {
	p, ok := l.Place.(far)
	if _, has := l.Place.(*cachingPlace); dir == "" || !ok || has || !l.converted {
		return l, nil
	}
	if bytes == 0 {
		bytes = DefaultBlockCache
	}
	cache, err := blockcache.Open(dir, bytes)
	if err != nil {
		return l, fmt.Errorf("the cache of blocks: %w", err)
	}
	l.Place = &cachingPlace{p, cache}
	if l.opened != nil {
		l.opened = l.opened.WithPlace(l.Place)
	}
	return l, nil
}

// Cached returns how many bytes came from a cache of blocks.
func (l Location) Cached() int64 {
	if p, ok := l.Place.(*cachingPlace); ok {
		return p.cache.Read()
	}
	return 0
}
