package tokenizer

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// unigram picks the tokens with the highest sum of scores (Kudo, 2018), found by Viterbi's algorithm.
type unigram struct {
	vocabulary
	scores       []float64
	texts        *trie
	unknown      int32 // -1: none
	unknownScore float64
	bytes        [256]int32
	byteFallback bool
}

// unknownPenalty is how much worse than the worst token an unknown character is.
const unknownPenalty = 10

func newUnigram(tokens []string, scores []float64, unknown int, byteFallback bool) (*unigram, error) {
	if unknown >= len(tokens) {
		return nil, fmt.Errorf("%w: unk_id %d of %d tokens", ErrVocabulary, unknown, len(tokens))
	}
	m := &unigram{scores: scores, unknown: int32(unknown), byteFallback: byteFallback}
	m.ids = make(map[string]int32, len(tokens))
	lowest := math.Inf(1)
	for i, token := range tokens {
		m.ids[token] = int32(i)
		lowest = min(lowest, scores[i])
	}
	m.tokens, m.size = tokens, len(tokens)
	m.unknownScore = lowest - unknownPenalty
	values := make([]int32, len(tokens))
	for i, token := range tokens {
		values[i] = m.ids[token]
	}
	m.texts = newTrie(tokens, values)
	for b := range m.bytes {
		m.bytes[b] = -1
		if id, ok := m.ids[byteToken(byte(b))]; ok {
			m.bytes[b] = id
		}
	}
	return m, nil
}

func (m *unigram) count() int { return len(m.tokens) }

// path is the best way to an end: the token that arrives there, where it starts, and the sum of scores.
type path struct {
	score float64
	start int32 // -1: none yet
	id    int32
}

func (m *unigram) tokenize(dst []int, piece string, s *scratch) []int {
	if cap(s.paths) < len(piece)+1 {
		s.paths = make([]path, len(piece)+1)
	}
	best := s.paths[:len(piece)+1]
	best[0] = path{start: 0}
	for i := range best[1:] {
		best[i+1] = path{start: -1}
	}
	for i := 0; i < len(piece); {
		_, n := utf8.DecodeRuneInString(piece[i:])
		here, single := best[i].score, false
		node := int32(0)
		j := i
		for ; j < len(piece); j++ {
			if node = m.texts.child(node, piece[j]); node == 0 {
				break
			}
			if id := m.texts.nodes[node].value; id >= 0 {
				best[j+1].improve(path{here + m.scores[id], int32(i), id})
				single = single || j+1 == i+n
			}
		}
		if !s.work.spend(j - i + 1) {
			return dst
		}
		if !single {
			best[i+n].improve(path{here + m.unknownScore, int32(i), m.unknown})
		}
		i += n
	}
	begin := len(dst)
	for end := len(piece); end > 0; {
		p := best[end]
		start := int(p.start)
		if p.id == m.unknown { // neighbouring unknown characters are one
			for start > 0 && best[start].id == m.unknown {
				start = int(best[start].start)
			}
		}
		dst = m.appendReversed(dst, piece[start:end])
		end = start
	}
	for i, j := begin, len(dst)-1; i < j; i, j = i+1, j-1 {
		dst[i], dst[j] = dst[j], dst[i]
	}
	return dst
}

func (p *path) improve(q path) {
	if p.start < 0 || q.score > p.score {
		*p = q
	}
}

// appendReversed appends the ids of one text, last first.
func (m *unigram) appendReversed(dst []int, text string) []int {
	if id, ok := m.ids[text]; ok {
		return append(dst, int(id))
	}
	if m.byteFallback {
		begin := len(dst)
		for i := len(text) - 1; i >= 0; i-- {
			id := m.bytes[text[i]]
			if id < 0 {
				dst = dst[:begin]
				break
			}
			dst = append(dst, int(id))
		}
		if len(dst) > begin {
			return dst
		}
	}
	if m.unknown >= 0 {
		dst = append(dst, int(m.unknown))
	}
	return dst
}
