package transformer

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/memory"
)

// ErrCache reports that the sequences under way leave no room for more keys and values: one of them has to give up its own,
// with Session.Start, and read its tokens again later. Where there is room for whole contexts of all sequences, it does not
// come.
var ErrCache = errors.New("no room for more keys and values")

// pageTokens is how many positions a page has: those of a tile, so that attention reads within a page what it reads of one
// piece.
const pageTokens = kernel.AttentionTile

// page is the keys and values of positions that follow each other in a sequence, of all layers and heads. While it is in no
// tree it is written by the one sequence that holds it; then it does not change any more, and any number may hold it.
type page struct {
	bytes []byte
	users int // sequences that hold it
	prefix
	older, newer *page // among those in the tree that nobody holds
}

// pages are the pages of a model's sequences, within a number of bytes, and those of earlier ones, by their tokens, as far
// as there is room: the ones that were held last are given up last. They are safe for concurrent use.
type pages struct {
	budget *memory.Ledger
	size   int   // bytes of a page
	most   int64 // bytes of all pages and states
	beyond bool  // what sequences hold may be more
	states int64 // bytes of states at most

	mu     sync.Mutex
	used   int64
	held   int     // pages that sequences hold
	root   page    // of the tree: what stands before every first token
	idle   page    // the list of pages that nobody holds: the oldest is newer than it, the newest older
	stated []*page // those with a state, the oldest first
	err    error   // of giving memory back
}

// newPages returns the pages of a layout, of at most so many bytes. States may take half of that, or one for each sequence.
func newPages(l cacheLayout, t CacheType, most int64, sequences int, b *memory.Ledger) *pages {
	p := &pages{budget: b, size: int(l.keys(pageTokens, t)), most: most, states: max(most/2, int64(sequences)*l.copied(0))}
	p.idle.older, p.idle.newer = &p.idle, &p.idle
	return p
}

// room returns how many tokens more there is room for beside those that sequences hold, if one held these ids besides.
func (p *pages) room(ids []int) int {
	if p.size == 0 {
		return math.MaxInt32
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	needed := (len(ids) + pageTokens - 1) / pageTokens
	for at, k := 0, p.root.find(ids); k != nil && k.users > 0; k = k.find(ids[at:]) {
		needed--
		at += pageTokens
	}
	return pageTokens * (int(p.most/int64(p.size)) - p.held - needed)
}

// bytes returns the bytes of pages that sequences hold, and of those that nobody holds.
func (p *pages) bytes() (held, kept int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := p.idle.newer; k != &p.idle; k = k.newer {
		kept += int64(p.size)
	}
	return int64(p.held) * int64(p.size), kept
}

// alloc takes n bytes, for which pages that nobody holds are given up, then states. Errors are ErrCache and those of
// memory. The lock is held, as it is in all that follows.
func (p *pages) alloc(n int) ([]byte, error) {
	for p.used+int64(n) > p.most {
		if oldest := p.idle.newer; oldest != &p.idle {
			p.drop(oldest)
		} else if len(p.stated) > 0 {
			p.dropState(p.stated[0])
		} else if p.beyond {
			break
		} else {
			return nil, fmt.Errorf("%d of %d bytes are in use: %w", p.used, p.most, ErrCache)
		}
	}
	if err := p.budget.Reserve("keys and values", int64(n)); err != nil {
		return nil, err
	}
	b, err := offheap.Alloc(n)
	if err != nil {
		p.budget.Release(int64(n))
		return nil, err
	}
	p.used += int64(n)
	return b, nil
}

// free gives bytes back.
func (p *pages) free(b []byte) {
	p.used -= int64(len(b))
	p.budget.Release(int64(len(b)))
	p.err = errors.Join(p.err, offheap.Free(b))
}

// take returns a new page, which is held.
func (p *pages) take() (*page, error) {
	b, err := p.alloc(p.size)
	if err != nil {
		return nil, err
	}
	p.held++
	return &page{bytes: b, users: 1}, nil
}

// hold has one more sequence hold a page.
func (p *pages) hold(k *page) {
	if k.users == 0 {
		p.held++
		k.older.newer, k.newer.older = k.newer, k.older
		k.older, k.newer = nil, nil
	}
	k.users++
}

// release has one sequence fewer hold a page. A sequence releases its last page first: so the pages behind one are given up
// before it.
func (p *pages) release(k *page) {
	if k.users--; k.users > 0 {
		return
	}
	p.held--
	if k.parent == nil {
		p.free(k.bytes)
		return
	}
	k.older, k.newer = p.idle.older, &p.idle
	k.older.newer, k.newer.older = k, k
}

// private returns a page with the bytes of k that is in no tree and held, in place of k, which is held: a copy, or k itself where there
// is no room for one and nobody else holds it.
func (p *pages) private(k *page) (*page, error) {
	own, err := p.take()
	if err == nil {
		copy(own.bytes, k.bytes)
		p.release(k)
		return own, nil
	}
	if !errors.Is(err, ErrCache) || k.users > 1 || len(k.children) > 0 {
		return nil, err
	}
	p.unlink(k)
	return k, nil
}

// clear gives up all pages that nobody holds, and returns what has gone wrong with giving back memory.
func (p *pages) clear() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.idle.newer != &p.idle {
		p.drop(p.idle.newer)
	}
	err := p.err
	p.err = nil
	return err
}
