package grammar

import (
	"bytes"
	"slices"

	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// Vocabulary is what the tokens of a tokenizer write. It is immutable and safe for concurrent use; it takes about 16 bytes a token.
type Vocabulary struct {
	text   []byte
	begin  []int32 // of each token's bytes in text, and the end of the last
	sorted []int32 // tokens that write something, by their bytes
	shared []uint8 // bytes that each begins with like the one before it, in that order
	ends   []int   // tokens that end a text
	codes  []bool  // tokens that a grammar knows by their ids, in their code: special ones
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
}

// bytes returns what a token writes.
func (v *Vocabulary) bytes(id int32) []byte { return v.text[v.begin[id]:v.begin[id+1]] }

// size returns the number of tokens.
func (v *Vocabulary) size() int { return len(v.begin) - 1 }

// allowed returns the tokens that go on from a state, as bits; the caller must not change them.
func (v *Vocabulary) allowed(a *automaton, from *state) ([]uint64, error) {
	if from.tokens != nil {
		return from.tokens, nil
	}
	mask := make([]uint64, (v.size()+63)/64)
	path := []*state{from} // behind the first bytes of the token looked at
	for i, id := range v.sorted {
		text := v.bytes(id)
		if n := int(v.shared[i]); n < len(path) {
			path = path[:n+1]
		} else if path[len(path)-1] == a.dead {
			continue // the bytes that lead nowhere are its too
		}
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
		if len(path) > len(text) && path[len(text)] != a.dead {
			mask[id/64] |= 1 << (id % 64)
		}
	}
	if a.masks < maxMasks {
		from.tokens = mask
		a.masks++
	}
	return mask, nil
}
