package tokenizer

import "unicode/utf8"

// search is one search for all matches in a text.
type search struct {
	e     *expression
	text  string
	from  int // where the search for this match began
	steps int // taken
	limit int // of steps
	stack []way
	marks []int32

	rememberFrom int      // steps from which failures are remembered
	failed       []uint64 // a bit for each choice and place that led nowhere; nil: nothing is remembered (yet)
	trail        []int    // bits set on the way to here: they have not failed yet
	behind       int      // how many look-behinds this is inside of: what fails there may succeed for another end
}

// way is a choice not yet taken: an instruction and a place; or, with pc below 0, a mark's old place, to be restored on the way back.
type way struct {
	pc, pos int32
	trail   int32 // its length when the choice was met
}

const (
	// rememberAfter is how many steps a byte are ordinary; beyond them failures are remembered.
	rememberAfter = 32
	// maxRemembered bounds the memory of that, in bits; rememberedPerByte are allowed in any case.
	maxRemembered, rememberedPerByte = 1 << 25, 64
	// maxWays and waysPerByte bound the stack.
	maxWays, waysPerByte = 1 << 16, 4
	// maxSearched is the longest text, in bytes.
	maxSearched = 1 << 30
)

// find appends the matches in s to dst, as the reference does with Oniguruma: an empty match does not follow another at once.
func (e *expression) find(dst []span, s string, w *work) []span {
	return e.search(dst, s, w, 4096+rememberAfter*len(s))
}

// search is find that remembers failures after so many steps.
func (e *expression) search(dst []span, s string, w *work, rememberFrom int) []span {
	m := search{e: e, text: s, limit: max(w.steps, 0), rememberFrom: rememberFrom}
	if len(s) > maxSearched {
		m.steps = m.limit + 1
	}
	if e.marks > 0 { // whether a choice fails depends on them too
		m.marks, m.rememberFrom = make([]int32, e.marks), m.limit
	}
	if e.choices > max(maxRemembered/(len(s)+1), rememberedPerByte) {
		m.rememberFrom = m.limit
	}
	last := -1 // the end of the last match
	for m.from = 0; m.from <= len(s); {
		start, end := m.from, -1
		for ; start <= len(s); start += m.width(start) {
			if end = m.run(0, start, -1); end >= 0 || m.steps > m.limit {
				break
			}
		}
		if end < 0 || m.steps > m.limit {
			break
		}
		if start == end && end == last {
			m.from = end + m.width(end)
			continue
		}
		dst = append(dst, span{start, end})
		m.from, last = end, end
	}
	w.spend(m.steps)
	return dst
}

// width returns the length of the character at a place, 1 at the end.
func (m *search) width(pos int) int {
	if pos >= len(m.text) {
		return 1
	}
	_, n := utf8.DecodeRuneInString(m.text[pos:])
	return n
}

// run matches from an instruction and a place to an opEnd, at the place to unless that is -1, and returns where that was, or -1.
func (m *search) run(pc, pos, to int) int {
	stack, trail := len(m.stack), len(m.trail)
	for {
		if m.steps++; m.steps > m.limit {
			m.stack = m.stack[:stack]
			return -1
		}
		i := &m.e.code[pc]
		ok := false
		switch i.op {
		case opSet:
			if pos < len(m.text) {
				r, n := rune(m.text[pos]), 1
				if r >= utf8.RuneSelf {
					r, n = utf8.DecodeRuneInString(m.text[pos:])
				}
				if ok = i.set.has(r); ok {
					pc, pos = pc+1, pos+n
				}
			}
		case opChoice:
			if ok = m.meet(int(i.n), pos); ok {
				m.push(i.y, int32(pos))
				pc = int(i.x)
			}
		case opJump:
			pc, ok = int(i.x), true
		case opAtomic:
			if end := m.run(pc+1, pos, -1); end >= 0 {
				pc, pos, ok = int(i.x), end, true
			}
		case opAhead:
			ok = (m.run(pc+1, pos, -1) >= 0) != i.negative
			pc = int(i.x)
		case opBehind:
			ok = m.runBehind(pc+1, pos, int(i.y), int(i.n)) != i.negative
			pc = int(i.x)
		case opEnd:
			if ok = to < 0 || pos == to; ok {
				// What is on the trail since the beginning led here: it has not failed.
				for _, bit := range m.trail[trail:] {
					m.failed[bit/64] &^= 1 << (bit % 64)
				}
				m.stack, m.trail = m.stack[:stack], m.trail[:trail]
				return pos
			}
		case opMark:
			m.push(-1-i.x, m.marks[i.x])
			m.marks[i.x] = int32(pos)
			pc, ok = pc+1, true
		case opMoved:
			if pc, ok = pc+1, true; int(m.marks[i.y]) != pos {
				pc = int(i.x)
			}
		case opAssert:
			ok = m.holds(nodeKind(i.x), pos)
			pc++
		}
		for !ok {
			if len(m.stack) == stack {
				m.trail = m.trail[:trail]
				return -1
			}
			back := m.stack[len(m.stack)-1]
			m.stack = m.stack[:len(m.stack)-1]
			m.trail = m.trail[:back.trail]
			if back.pc < 0 {
				m.marks[-1-back.pc] = back.pos
				continue
			}
			pc, pos, ok = int(back.pc), int(back.pos), true
		}
	}
}

func (m *search) push(pc, pos int32) {
	if len(m.stack) > maxWays+waysPerByte*len(m.text) {
		m.steps = m.limit // the next one ends the search
	}
	m.stack = append(m.stack, way{pc, pos, int32(len(m.trail))})
}

// meet tells whether a choice at a place is worth trying, and remembers that it was met.
func (m *search) meet(choice, pos int) bool {
	if m.steps < m.rememberFrom || m.behind > 0 {
		return true
	}
	if m.failed == nil {
		m.failed = make([]uint64, (m.e.choices*(len(m.text)+1)+63)/64)
	}
	bit := choice*(len(m.text)+1) + pos
	if m.failed[bit/64]>>(bit%64)&1 != 0 {
		return false
	}
	m.failed[bit/64] |= 1 << (bit % 64)
	m.trail = append(m.trail, bit)
	return true
}

// runBehind tells whether what begins at an instruction matches low to high characters before a place and ends there.
func (m *search) runBehind(pc, pos, low, high int) bool {
	m.behind++
	defer func() { m.behind-- }()
	start := pos
	for n := 0; ; n++ {
		if n >= low && m.run(pc, start, pos) >= 0 {
			return true
		}
		if n == high || start == 0 {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(m.text[:start])
		start -= size
	}
}

// holds tells whether a place is of a kind.
func (m *search) holds(kind nodeKind, pos int) bool {
	switch kind {
	case nodeLineStart:
		return pos == 0 || m.text[pos-1] == '\n' && pos < len(m.text)
	case nodeLineEnd:
		return pos == len(m.text) || m.text[pos] == '\n'
	case nodeTextStart:
		return pos == 0
	case nodeTextEnd:
		return pos == len(m.text)
	case nodeLastLine:
		return pos == len(m.text) || pos == len(m.text)-1 && m.text[pos] == '\n'
	case nodeFrom:
		return pos == m.from
	}
	before, after := false, false
	if pos > 0 {
		r, _ := utf8.DecodeLastRuneInString(m.text[:pos])
		before = isRegexWord(r)
	}
	if pos < len(m.text) {
		r, _ := utf8.DecodeRuneInString(m.text[pos:])
		after = isRegexWord(r)
	}
	return (before != after) == (kind == nodeWordEdge)
}
