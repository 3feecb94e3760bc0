package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is found in the text before the model sees it.
type addedToken struct {
	content        string
	id             int
	singleWord     bool // only where no letters or digits touch it
	lstrip, rstrip bool // it takes the white space around it
	normalized     bool // looked for in the normalized text
	special        bool
}

// segment is a part of a text: an added token, or what lies between them with id -1.
type segment struct {
	text string
	id   int
}

// matcher finds added tokens: the leftmost first, of those at one place the longest.
type matcher struct {
	tokens []addedToken
	trie   *trie // nil without tokens
}

// newMatcher returns a matcher of tokens as normalizer, if not nil, rewrites them.
func newMatcher(tokens []addedToken, n normalizer, w *work) matcher {
	if len(tokens) == 0 {
		return matcher{}
	}
	texts, values := make([]string, len(tokens)), make([]int32, len(tokens))
	for i, t := range tokens {
		texts[i], values[i] = t.content, int32(i)
		if n != nil {
			texts[i] = n.normalize(t.content, w)
		}
	}
	return matcher{tokens, newTrie(texts, values)}
}

// split appends the segments of s to dst: at least one, unless s is empty. Where the work is used up, it stops early.
func (m matcher) split(dst []segment, s string, w *work) []segment {
	start := 0 // of the text not yet in a segment
	for i := 0; m.trie != nil && i < len(s); {
		if m.trie.root[s[i]] == 0 {
			i++
			continue
		}
		value, n, walked := m.trie.longest(s[i:])
		if !w.spend(walked) {
			return dst
		}
		if n == 0 {
			i++
			continue
		}
		token := &m.tokens[value]
		from, to := i, i+n
		i = to
		if token.singleWord && (endsInWord(s[:from]) || beginsWithWord(s[to:])) {
			continue
		}
		if token.lstrip {
			from = max(len(strings.TrimRightFunc(s[min(start, from):from], unicode.IsSpace))+min(start, from), start)
		}
		if token.rstrip {
			end := to
			to = len(s) - len(strings.TrimLeftFunc(s[to:], unicode.IsSpace))
			if !w.spend(to - end) {
				return dst
			}
		}
		if start < from {
			dst = append(dst, segment{s[start:from], -1})
		}
		dst = append(dst, segment{"", token.id})
		start = to
	}
	if start < len(s) {
		dst = append(dst, segment{s[start:], -1})
	}
	return dst
}

func endsInWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func beginsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}
