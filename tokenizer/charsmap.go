package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// charsmap is SentencePiece's compiled normalizer: a double-array trie (Darts-clone) from texts to places in a list of
// replacements, each ended by a zero byte.
type charsmap struct {
	trie         []uint32
	replacements string
}

func newCharsmap(encoded string) (charsmap, error) {
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return charsmap{}, fmt.Errorf("%w: precompiled_charsmap: %v", ErrFormat, err)
	}
	return parseCharsmap(data)
}

// parseCharsmap reads the size of the trie, the trie and the replacements. It keeps no part of data.
func parseCharsmap(data []byte) (charsmap, error) {
	if len(data) < 4 {
		return charsmap{}, fmt.Errorf("%w: precompiled_charsmap of %d bytes", ErrFormat, len(data))
	}
	size, data := binary.LittleEndian.Uint32(data), data[4:]
	if size%4 != 0 || uint64(size) > uint64(len(data)) {
		return charsmap{}, fmt.Errorf("%w: precompiled_charsmap: a trie of %d bytes in %d", ErrFormat, size, len(data))
	}
	m := charsmap{make([]uint32, size/4), string(data[size:])}
	for i := range m.trie {
		m.trie[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	if !utf8.ValidString(m.replacements) {
		return charsmap{}, fmt.Errorf("%w: precompiled_charsmap: replacements are not UTF-8", ErrFormat)
	}
	return m, nil
}

// normalize replaces grapheme clusters of up to five bytes, and else single characters, by what the trie has for their shortest
// prefix in it. That is how the reference works; the rest of the cluster is lost.
func (m charsmap) normalize(s string, w *work) string {
	var b strings.Builder
	b.Grow(len(s))
	replaced := func(part string) bool {
		r, ok := m.lookup(part)
		if ok && w.spend(len(r)) && w.grow(len(r)-len(part)) {
			b.WriteString(r)
		}
		return ok
	}
	for state := -1; len(s) > 0 && w.err == nil; {
		var cluster string
		if len(s) > 1 && s[0] < 0x80 && s[1] < 0x80 && s[0] != '\r' {
			cluster, s, state = s[:1], s[1:], -1
		} else {
			cluster, s, _, state = uniseg.FirstGraphemeClusterInString(s, state)
		}
		if len(cluster) < 6 && replaced(cluster) {
			continue
		}
		for _, c := range cluster {
			if !replaced(string(c)) {
				b.WriteRune(c)
			}
		}
	}
	return b.String()
}

// lookup returns the replacement for the shortest prefix of s in the trie.
func (m charsmap) lookup(s string) (string, bool) {
	node := uint32(0)
	next := func(label byte) (unit uint32, ok bool) {
		node ^= uint32(label)
		if uint64(node) >= uint64(len(m.trie)) {
			return 0, false
		}
		unit = m.trie[node]
		ok = label == 0 || unit&(1<<31|0xff) == uint32(label)
		node ^= unit >> 10 << (unit & (1 << 9) >> 6)
		return unit, ok
	}
	if _, ok := next(0); !ok {
		return "", false
	}
	for i := range len(s) {
		if s[i] == 0 {
			break
		}
		unit, ok := next(s[i])
		if !ok {
			return "", false
		}
		if unit>>8&1 != 0 && uint64(node) < uint64(len(m.trie)) {
			at := m.trie[node] &^ (1 << 31)
			if uint64(at) > uint64(len(m.replacements)) {
				return "", false
			}
			replacement, _, _ := strings.Cut(m.replacements[at:], "\x00")
			if !utf8.ValidString(replacement) {
				return "", false
			}
			return replacement, true
		}
	}
	return "", false
}
