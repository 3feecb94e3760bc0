package tokenizer

import (
	"math/bits"
	"unicode/utf8"
)

// bpe is byte-pair encoding (Sennrich et al., 2016): a piece is taken apart into characters, then of all neighbours that have a
// merge those with the lowest rank are joined, the leftmost first, until none is left.
type bpe struct {
	vocabulary
	merges       pairTable
	chars        map[rune]int32 // characters that are tokens, or that merges know
	low          [0x800]int32   // the same for the first characters; -1: none
	bytes        [256]int32     // byte fallback
	unknown      int32          // -1: unknown characters vanish
	prefix       string         // before every character but the first of a piece (continuing_subword_prefix)
	suffix       string         // after the last (end_of_word_suffix)
	byteFallback bool
	fuseUnknown  bool
	wholeFirst   bool    // a piece that is a token needs no merges (ignore_merges)
	wholeLines   bool    // the same, of pieces that begin with a line's end
	spelled      [][]int // what ids from size on become: characters that merges know but that are no tokens
	seams        *seams  // nil: long pieces stay whole
	cache        *cache
}

// newBPE returns a model without merges whose characters are those of the vocabulary.
func newBPE(v vocabulary) *bpe {
	m := &bpe{vocabulary: v, chars: map[rune]int32{}, unknown: -1, cache: newCache()}
	for i := range m.low {
		m.low[i] = -1
	}
	for token, id := range v.ids {
		if r, n := utf8.DecodeRuneInString(token); n == len(token) && n > 0 && (r != utf8.RuneError || n > 1) {
			m.addChar(r, id)
		}
	}
	for b := range m.bytes {
		m.bytes[b] = -1
		if id, ok := v.ids[byteToken(byte(b))]; ok {
			m.bytes[b] = id
		}
	}
	return m
}

func (m *bpe) addChar(r rune, id int32) {
	if int(r) < len(m.low) {
		m.low[r] = id
	}
	m.chars[r] = id
}

func (m *bpe) char(r rune) int32 {
	if int(r) < len(m.low) {
		return m.low[r]
	}
	if id, ok := m.chars[r]; ok {
		return id
	}
	return -1
}

// byteToken is the token of byte fallback.
func byteToken(b byte) string {
	const hex = "0123456789ABCDEF"
	return string([]byte{'<', '0', 'x', hex[b>>4], hex[b&15], '>'})
}

// longPiece is the length from which a piece is cut at its seams, and is not kept in the cache.
const longPiece = 48

func (m *bpe) tokenize(dst []int, piece string, s *scratch) []int {
	if len(piece) < longPiece || m.seams == nil || m.whole(piece) {
		return m.tokenizeCached(dst, piece, s)
	}
	start := 0
	last, known := rune(-1), false
	for i, r := range piece {
		k := m.char(r) >= 0
		if k && known && !m.seams.holds(last, r) {
			dst = m.tokenizeCached(dst, piece[start:i], s)
			start = i
		}
		last, known = r, k
	}
	return m.tokenizeCached(dst, piece[start:], s)
}

// tokenizeCached remembers short pieces.
func (m *bpe) tokenizeCached(dst []int, piece string, s *scratch) []int {
	if len(piece) >= longPiece {
		return m.merge(dst, piece, &s.bpe)
	}
	slot := m.cache.slot(piece)
	if e := slot.Load(); e != nil && e.piece == piece {
		for _, id := range e.ids {
			dst = append(dst, int(id))
		}
		return dst
	}
	begin := len(dst)
	dst = m.merge(dst, piece, &s.bpe)
	slot.Store(newEntry(piece, dst[begin:]))
	return dst
}

// bpeSymbol is a token of a piece, in a list linked both ways.
type bpeSymbol struct {
	id         int32 // -1: it was merged into the one before
	prev, next int32 // -1: none
}

// candidate is a merge that may happen: of the symbol at pos with the next one, into id.
type candidate struct {
	order uint64 // rank, then position
	id    int32
}

type bpeScratch struct {
	symbols []bpeSymbol
	queue   []candidate // a heap
}

// merge appends the ids of piece to dst.
func (m *bpe) merge(dst []int, piece string, s *bpeScratch) []int {
	if m.whole(piece) {
		if id, ok := m.ids[piece]; ok {
			return append(dst, int(id))
		}
	}
	m.spell(piece, s)
	symbols := s.symbols
	s.queue = s.queue[:0]
	for i := range len(symbols) - 1 {
		if e := m.merges.get(symbols[i].id, symbols[i+1].id); e != nil {
			s.queue = append(s.queue, candidate{uint64(e.rank)<<32 | uint64(i), e.id})
		}
	}
	s.heapify()
	for len(s.queue) > 0 {
		top := s.pop()
		pos := int32(uint32(top.order))
		left := &symbols[pos]
		if left.id < 0 || left.next < 0 {
			continue
		}
		right := &symbols[left.next]
		if e := m.merges.get(left.id, right.id); e == nil || e.id != top.id {
			continue // one of them has changed since
		}
		left.id, right.id = top.id, -1
		left.next = right.next
		if left.next >= 0 {
			symbols[left.next].prev = pos
			if e := m.merges.get(left.id, symbols[left.next].id); e != nil {
				s.push(candidate{uint64(e.rank)<<32 | uint64(pos), e.id})
			}
		}
		if left.prev >= 0 {
			if e := m.merges.get(symbols[left.prev].id, left.id); e != nil {
				s.push(candidate{uint64(e.rank)<<32 | uint64(left.prev), e.id})
			}
		}
	}
	for _, symbol := range symbols {
		switch {
		case symbol.id < 0:
		case int(symbol.id) >= m.size:
			dst = append(dst, m.spelled[int(symbol.id)-m.size]...)
		default:
			dst = append(dst, int(symbol.id))
		}
	}
	return dst
}

// whole tells whether the piece, if it is a token, needs no merges.
func (m *bpe) whole(piece string) bool { return m.wholeFirst || m.wholeLines && piece[0] == '\n' }

// spell takes piece apart into characters; unknown ones become their bytes or the unknown token.
func (m *bpe) spell(piece string, s *bpeScratch) {
	s.symbols = s.symbols[:0]
	add := func(id int32) { s.symbols = append(s.symbols, bpeSymbol{id: id}) }
	pending := false // an unknown token not yet added: others may join it
	flush := func() {
		if pending {
			add(m.unknown)
			pending = false
		}
	}
	for i, r := range piece {
		n := utf8.RuneLen(r)
		id := int32(-1)
		if m.prefix == "" && m.suffix == "" {
			id = m.char(r)
		} else {
			id = m.affixed(piece[i:i+n], i == 0, i+n == len(piece))
		}
		if id >= 0 {
			flush()
			add(id)
			continue
		}
		if m.byteFallback && m.prefix == "" && m.suffix == "" && m.hasBytes(piece[i:i+n]) {
			for k := i; k < i+n; k++ {
				add(m.bytes[piece[k]])
			}
			continue // as the reference: a pending unknown token comes after the bytes
		}
		if m.unknown >= 0 {
			if !m.fuseUnknown {
				flush()
			}
			pending = true
		}
	}
	flush()
	for i := range s.symbols {
		s.symbols[i].prev, s.symbols[i].next = int32(i)-1, int32(i)+1
	}
	if n := len(s.symbols); n > 0 {
		s.symbols[n-1].next = -1
	}
}

// affixed returns the id of a character with the prefix and suffix for its place.
func (m *bpe) affixed(char string, first, last bool) int32 {
	if !first {
		char = m.prefix + char
	}
	if last {
		char += m.suffix
	}
	if id, ok := m.ids[char]; ok {
		return id
	}
	return -1
}

func (m *bpe) hasBytes(s string) bool {
	for i := range len(s) {
		if m.bytes[s[i]] < 0 {
			return false
		}
	}
	return true
}

// findSeams learns between which characters no merge ever happens. Call it when all merges are there.
func (m *bpe) findSeams() {
	if m.prefix != "" || m.suffix != "" || m.wholeFirst { // a part must give what it gives inside the whole
		return
	}
	m.seams = new(seams)
	made := make([]bool, m.size)
	for _, e := range m.merges.entries {
		if e.key != 0 && int(e.id) < m.size && !made[e.id] {
			made[e.id] = true
			m.seams.add(m.tokens[e.id])
		}
	}
}

// seams is a set of pairs of characters that stand next to each other inside some token. Where two characters outside of it meet,
// no merge can ever join them, so a text may be cut there and its parts be merged one by one: the same tokens, in linear time, and
// parts short enough for the cache. The set is a bit table without collision checks: a wrong "yes" only loses a seam.
type seams [1 << 16]uint64

func seamHash(a, b rune) uint64 {
	return (uint64(a)<<21 | uint64(b)) * 0x9e3779b97f4a7c15 >> (64 - 22)
}

func (s *seams) add(token string) {
	last := rune(-1)
	for _, r := range token {
		if last >= 0 {
			h := seamHash(last, r)
			s[h/64] |= 1 << (h % 64)
		}
		last = r
	}
}

func (s *seams) holds(a, b rune) bool {
	h := seamHash(a, b)
	return s[h/64]>>(h%64)&1 != 0
}

// pairTable maps pairs of tokens to merges: open addressing, at most half full.
type pairTable struct {
	entries []pairEntry
	shift   uint
}

type pairEntry struct {
	key  uint64 // left<<32 | right, plus one; 0: free
	rank uint32
	id   int32
}

func newPairTable(n int) pairTable {
	b := max(bits.Len(uint(2*n)), 4)
	return pairTable{make([]pairEntry, 1<<b), uint(64 - b)}
}

// put adds a merge; a later one for the same pair takes its place.
func (t *pairTable) put(left, right int32, rank uint32, id int32) {
	key := (uint64(left)<<32 | uint64(right)) + 1
	for i := key * 0x9e3779b97f4a7c15 >> t.shift; ; i = (i + 1) & uint64(len(t.entries)-1) {
		if e := &t.entries[i]; e.key == 0 || e.key == key {
			*e = pairEntry{key, rank, id}
			return
		}
	}
}

func (t *pairTable) get(left, right int32) *pairEntry {
	key := (uint64(left)<<32 | uint64(right)) + 1
	for i := key * 0x9e3779b97f4a7c15 >> t.shift; ; i = (i + 1) & uint64(len(t.entries)-1) {
		switch e := &t.entries[i]; e.key {
		case key:
			return e
		case 0:
			return nil
		}
	}
}

func (s *bpeScratch) heapify() {
	for i := len(s.queue)/2 - 1; i >= 0; i-- {
		s.down(i)
	}
}

func (s *bpeScratch) push(c candidate) {
	s.queue = append(s.queue, c)
	q, i := s.queue, len(s.queue)-1
	for i > 0 {
		parent := (i - 1) / 2
		if q[parent].order <= c.order {
			break
		}
		q[i] = q[parent]
		i = parent
	}
	q[i] = c
}

func (s *bpeScratch) pop() candidate {
	top, n := s.queue[0], len(s.queue)-1
	s.queue[0] = s.queue[n]
	s.queue = s.queue[:n]
	if n > 1 {
		s.down(0)
	}
	return top
}

func (s *bpeScratch) down(i int) {
	q := s.queue
	c := q[i]
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if child+1 < len(q) && q[child+1].order < q[child].order {
			child++
		}
		if c.order <= q[child].order {
			break
		}
		q[i] = q[child]
		i = child
	}
	q[i] = c
}
