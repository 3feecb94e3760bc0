package grammar

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// VocabularyMemory is about what a [Vocabulary] takes for each token, also while it is made: its fields, and the token's bytes.
const VocabularyMemory = 64

// Vocabulary is what the tokens of a tokenizer write. It is immutable and safe for concurrent use.
type Vocabulary struct {
	text   []byte
	begin  []int32   // of each token's bytes in text, and the end of the last
	sorted []int32   // tokens that write something, by their bytes
	shared []uint8   // bytes that each begins with like the one before it, in that order
	ends   []int     // tokens that end a text
	sets   []byteSet // of the bytes of each in that order; empty where one is not of ASCII
	codes  []bool    // tokens that a grammar knows by their ids, in their code: special ones
}

// A special token is written, in a grammar, as a byte that UTF-8 does not have and its id in three.
const (
	tokenByte = 0xff
	maxToken  = 1 << 24
)

func appendToken(to []byte, id int) []byte {
	return append(to, tokenByte, byte(id>>16), byte(id>>8), byte(id))
}

// NewVocabulary returns a tokenizer's. Special tokens write nothing, but a grammar may name them; those that end a text are at its end alone.
func NewVocabulary(t *tokenizer.Tokenizer) *Vocabulary {
	v := &Vocabulary{begin: make([]int32, 1, t.VocabSize()+1), ends: t.EOS(), codes: make([]bool, t.VocabSize())}
	for id := range t.VocabSize() {
		if special := t.IsSpecial(id) && !slices.Contains(v.ends, id) && id < maxToken; special {
			v.codes[id] = true
			v.text = appendToken(v.text, id)
		} else {
			v.text = t.AppendBytes(v.text, id)
		}
		v.begin = append(v.begin, int32(len(v.text)))
	}
	v.sort()
	return v
}

// sort sorts the tokens that write something: texts of UTF-8, or their codes.
func (v *Vocabulary) sort() {
	for id := range v.size() {
		coded := id < len(v.codes) && v.codes[id]
		if text := v.bytes(int32(id)); len(text) > 0 && (coded || bytes.IndexByte(text, tokenByte) < 0) {
			v.sorted = append(v.sorted, int32(id))
		}
	}
	slices.SortFunc(v.sorted, func(a, b int32) int { return bytes.Compare(v.bytes(a), v.bytes(b)) })
	v.shared = make([]uint8, len(v.sorted))
	for i := 1; i < len(v.sorted); i++ {
		a, b := v.bytes(v.sorted[i-1]), v.bytes(v.sorted[i])
		n := 0
		for n < min(len(a), len(b), 255) && a[n] == b[n] {
			n++
		}
		v.shared[i] = uint8(n)
	}
	v.sets = make([]byteSet, len(v.sorted))
	for i, id := range v.sorted {
		text := v.bytes(id)
		if bytes.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
			continue
		}
		for _, c := range text {
			v.sets[i].add(c)
		}
	}
}

// bytes returns what a token writes.
func (v *Vocabulary) bytes(id int32) []byte { return v.text[v.begin[id]:v.begin[id+1]] }

// size returns the number of tokens.
func (v *Vocabulary) size() int { return len(v.begin) - 1 }

// allowed returns the tokens that go on from a state, as bits; the caller must not change them.
func (v *Vocabulary) allowed(a *automaton, from *state) ([]uint64, error) {
	if from.tokens != nil && from.of == v {
		return from.tokens, nil
	}
	stays, err := a.stays(from)
	if err != nil {
		return nil, err
	}
	mask := make([]uint64, (v.size()+63)/64)
	path := []*state{from} // behind the first bytes of a token
	same := 0              // bytes of it that the token looked at begins with
	for i := 0; i < len(v.sorted); i++ {
		id := v.sorted[i]
		same = min(same, int(v.shared[i]))
		if set := v.sets[i]; set.within(stays) {
			mask[id/64] |= 1 << (id % 64)
			continue
		}
		if last := len(path) - 1; path[last] == a.dead && same >= last { // the bytes that lead nowhere are its, too
			if last == 1 {
				i = v.first(v.bytes(id)[0]+1, i) - 1
				same = 0
			}
			continue
		}
		text := v.bytes(id)
		path = path[:min(same, len(path)-1)+1]
		for len(path) <= len(text) && path[len(path)-1] != a.dead {
			last, c := path[len(path)-1], text[len(path)-1]
			if last.table != nil && last.table[c] != nil { // nearly always
				path = append(path, last.table[c])
				continue
			}
			next, err := a.next(last, c)
			if err != nil {
				return nil, err
			}
			path = append(path, next)
		}
		if same = len(path) - 1; same == len(text) && path[same] != a.dead {
			mask[id/64] |= 1 << (id % 64)
		}
	}
	if a.masks < maxMasks {
		from.tokens, from.of = mask, v
		a.masks++
	}
	return mask, nil
}

// byteSet is a set of bytes of ASCII.
type byteSet [2]uint64

func (s *byteSet) add(c byte) { s[c/64] |= 1 << (c % 64) }

// within says whether a set that is not empty is part of another.
func (s byteSet) within(other byteSet) bool {
	return s[0]&^other[0] == 0 && s[1]&^other[1] == 0 && s != byteSet{}
}

// stays returns the bytes behind which a state is as it was: tokens of these alone need not be followed.
func (a *automaton) stays(s *state) (set byteSet, err error) {
	for c := range byte(0x80) {
		to, err := a.next(s, c)
		if err != nil {
			return set, err
		}
		if to == s {
			set.add(c)
		}
	}
	return set, nil
}

// first returns the first place behind i, in the order of tokens, of those that begin with a byte or a later one.
func (v *Vocabulary) first(c byte, i int) int {
	if c == 0 { // behind the last byte
		return len(v.sorted)
	}
	n, _ := slices.BinarySearchFunc(v.sorted[i:], c, func(id int32, c byte) int { return int(v.bytes(id)[0]) - int(c) })
	return i + n
}
