package transformer

import (
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/offheap"
)

// prefix is a page's place in the tree of all that sequences have begun with. The pages from the root to it are the keys
// and values of a beginning, which are the same bits for every sequence that begins so: whoever does holds these pages in
// place of reading the tokens. Who holds a page holds its parents.
type prefix struct {
	parent   *page // nil: it is in no tree
	children []*page
	tokens   []int32 // after those of its parents: pageTokens, or fewer where nothing comes behind it
	state    []byte  // of the layers without attention after these tokens; nil where it is not known
}

// insert puts a page that is held and in no tree behind a parent, for these tokens. Where there is one for them already it
// returns that, held, in place of k.
func (p *pages) insert(parent, k *page, tokens []int) *page {
	for _, c := range parent.children {
		if len(c.tokens) == len(tokens) && alike(c.tokens, tokens) == len(tokens) {
			p.hold(c)
			p.release(k)
			return c
		}
	}
	for i := len(parent.children) - 1; i >= 0; i-- { // what k has too
		c := parent.children[i]
		if n := len(c.tokens); n < len(tokens) && c.users == 0 && c.state == nil && alike(c.tokens, tokens) == n {
			p.drop(c)
		}
	}
	k.parent, k.tokens = parent, make([]int32, len(tokens))
	for i, id := range tokens {
		k.tokens[i] = int32(id)
	}
	parent.children = append(parent.children, k)
	return k
}

// unlink takes a page without children from the tree.
func (p *pages) unlink(k *page) {
	siblings := k.parent.children
	i := slices.Index(siblings, k)
	siblings[i] = siblings[len(siblings)-1]
	siblings[len(siblings)-1] = nil
	k.parent.children = siblings[:len(siblings)-1]
	p.dropState(k)
	k.prefix = prefix{}
}

// drop gives up a page without children that nobody holds.
func (p *pages) drop(k *page) {
	p.unlink(k)
	p.hold(k)
	p.release(k)
}

// find returns the child that tokens begin with, of which it is a whole page; nil if there is none.
func (k *page) find(tokens []int) *page {
	for _, c := range k.children {
		if len(c.tokens) == pageTokens && alike(c.tokens, tokens) == pageTokens {
			return c
		}
	}
	return nil
}

// nearest returns the child that has the most of the first tokens, and how many. With a state it has to have no others.
func (k *page) nearest(tokens []int, stated bool) (best *page, most int) {
	for _, c := range k.children {
		n := alike(c.tokens, tokens)
		if n > most && (!stated || n == len(c.tokens) && c.state != nil) {
			best, most = c, n
		}
	}
	return best, most
}

// alike returns how many tokens two lists begin with alike.
func alike(a []int32, b []int) int {
	n := 0
	for n < len(a) && n < len(b) && int(a[n]) == b[n] {
		n++
	}
	return n
}

// keepState keeps a copy of a state with a page, if there is room: states that are older go first.
func (p *pages) keepState(k *page, state []float32) {
	n := 4 * len(state)
	if k.state != nil || int64(n) > p.states {
		return
	}
	for int64(len(p.stated)+1)*int64(n) > p.states {
		p.dropState(p.stated[0])
	}
	b, err := p.alloc(n)
	if err != nil {
		return // who goes on here reads more tokens again
	}
	copy(offheap.Float32s(b), state)
	k.state = b
	p.stated = append(p.stated, k)
}

// dropState gives up the state of a page, if it has one.
func (p *pages) dropState(k *page) {
	if k.state == nil {
		return
	}
	p.free(k.state)
	k.state = nil
	i := slices.Index(p.stated, k)
	p.stated = slices.Delete(p.stated, i, i+1)
}
