package tokenizer

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// newSPM returns SentencePiece's BPE as llama.cpp does it: two neighbours merge if their texts together are a token; the highest score
// comes first, then the leftmost. That is BPE whose merges are all ways to cut a token in two, ranked by score.
//
// A character may be part of tokens without being one. It gets an id beyond the vocabulary, and is spelled in bytes if it stays alone.
func newSPM(v vocabulary, scores []float32, unknown int32) (*bpe, error) {
	for id, score := range scores {
		if math.IsNaN(float64(score)) {
			return nil, fmt.Errorf("%w: token %d has no number for a score", ErrVocabulary, id)
		}
	}
	ranks := slices.Clone(scores)
	slices.SortFunc(ranks, func(a, b float32) int { // descending
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	ranks = slices.Compact(ranks)
	rank := func(score float32) uint32 {
		i, _ := slices.BinarySearchFunc(ranks, score, func(e, target float32) int {
			switch {
			case e > target:
				return -1
			case e < target:
				return 1
			}
			return 0
		})
		return uint32(i)
	}

	m := newBPE(v)
	m.byteFallback, m.unknown = true, unknown
	for _, token := range v.tokens {
		if !utf8.ValidString(token) {
			continue
		}
		if n := utf8.RuneCountInString(token); n > 1 {
			for _, r := range token {
				if m.char(r) < 0 {
					m.addChar(r, int32(v.size+len(m.spelled)))
					m.spelled = append(m.spelled, m.inBytes(string(r)))
				}
			}
		}
	}
	n := 0
	m.eachCut(func(int, int32, int32) { n++ })
	m.merges = newPairTable(n)
	m.eachCut(func(id int, left, right int32) { m.merges.put(left, right, rank(scores[id]), int32(id)) })
	m.findSeams()
	return m, nil
}

// eachCut calls do for every way to cut a token in two that are tokens or characters.
func (m *bpe) eachCut(do func(id int, left, right int32)) {
	for id, token := range m.tokens {
		if !utf8.ValidString(token) || m.ids[token] != int32(id) {
			continue
		}
		for i := range token {
			if i == 0 {
				continue
			}
			if left, right := m.symbolID(token[:i]), m.symbolID(token[i:]); left >= 0 && right >= 0 {
				do(id, left, right)
			}
		}
	}
}

// symbolID returns the id of a token or a character, or -1.
func (m *bpe) symbolID(s string) int32 {
	if id, ok := m.ids[s]; ok {
		return id
	}
	if r, n := utf8.DecodeRuneInString(s); n == len(s) {
		return m.char(r)
	}
	return -1
}

// inBytes spells s in byte tokens; the unknown token stands for those that do not exist.
func (m *bpe) inBytes(s string) []int {
	var ids []int
	for i := range len(s) {
		switch {
		case m.bytes[s[i]] >= 0:
			ids = append(ids, int(m.bytes[s[i]]))
		case m.unknown >= 0:
			ids = append(ids, int(m.unknown))
		}
	}
	return ids
}
