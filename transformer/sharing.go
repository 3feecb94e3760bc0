package transformer

import "github.com/helix-substrate/helix-substrate/internal/offheap"

// publish puts the pages that tokens fill, all of which are read, into the tree, and the state behind them.
func (k *cache) publish(tokens []int) {
	k.pages.mu.Lock()
	defer k.pages.mu.Unlock()
	k.fill(tokens)
}

// leave is publish, also of the page that is not full, and gives all pages back.
func (k *cache) leave(tokens []int) {
	p := k.pages
	p.mu.Lock()
	defer p.mu.Unlock()
	k.fill(tokens)
	if rest := tokens[min(len(tokens), k.shared*pageTokens):]; len(rest) > 0 {
		switch _, known := k.last().nearest(rest, false); {
		case k.live == nil && known < len(rest):
			k.share(rest)
		case k.live != nil && k.known == len(tokens):
			k.share(rest)
			p.keepState(k.last(), k.live)
		}
	}
	k.release(0)
	k.forget(0)
}

// adopt has the cache, which is empty, hold what is known of the first tokens of ids, and returns how many.
func (k *cache) adopt(ids []int) int {
	k.pages.mu.Lock()
	defer k.pages.mu.Unlock()
	for next := k.last().find(ids); next != nil; next = k.last().find(ids[k.shared*pageTokens:]) {
		k.pages.hold(next)
		k.append(next)
		k.shared++
	}
	at := k.shared * pageTokens
	if part, n := k.last().nearest(ids[at:], k.live != nil); n > 0 && k.takeCopy(part) {
		if k.live != nil {
			k.restore(part.state, at+n)
		}
		return at + n
	}
	if k.live == nil {
		return at
	}
	for k.shared > 0 && k.last().state == nil {
		k.release(k.shared - 1)
	}
	if at = k.shared * pageTokens; at > 0 {
		k.restore(k.last().state, at)
	}
	return at
}

// takeCopy appends a page's copy, which this sequence goes on in, if there is room for that.
func (k *cache) takeCopy(part *page) bool {
	p := k.pages
	p.hold(part)
	defer p.release(part)
	own, err := p.take()
	if err != nil {
		return false
	}
	if k.live != nil && part.state == nil { // given up for the copy
		p.release(own)
		return false
	}
	copy(own.bytes, part.bytes)
	k.append(own)
	return true
}

// append appends a page.
func (k *cache) append(p *page) { k.held, k.memory = append(k.held, p), append(k.memory, p.bytes) }

// restore makes a state that stands for n tokens the live one.
func (s *recurrence) restore(state []byte, n int) {
	copy(s.live, offheap.Float32s(state))
	s.known = n
}

// last is the last page held that is in the tree; its root where there is none.
func (k *cache) last() *page {
	if k.shared == 0 {
		return &k.pages.root
	}
	return k.held[k.shared-1]
}

// share puts the first page that is not in the tree there.
func (k *cache) share(tokens []int) {
	own := k.pages.insert(k.last(), k.held[k.shared], tokens)
	k.held[k.shared], k.memory[k.shared] = own, own.bytes
	k.shared++
}

// fill shares the pages that tokens fill.
func (k *cache) fill(tokens []int) {
	for (k.shared+1)*pageTokens <= len(tokens) {
		k.share(tokens[k.shared*pageTokens:][:pageTokens])
	}
	if n := len(tokens); k.live != nil && k.known == n && n > 0 && k.shared*pageTokens == n {
		k.pages.keepState(k.last(), k.live)
	}
}
