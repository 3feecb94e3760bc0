package tokenizer

import "unicode/utf8"

// wordPiece cuts a word into the longest tokens from its beginning on (BERT); all but the first are spelled with a prefix.
type wordPiece struct {
	vocabulary
	unknown  int32
	prefix   string
	maxChars int // longer words are unknown
}

func (m *wordPiece) tokenize(dst []int, piece string, s *scratch) []int {
	if utf8.RuneCountInString(piece) > m.maxChars {
		return m.appendUnknown(dst)
	}
	begin := len(dst)
	for start := 0; start < len(piece); {
		end := len(piece)
		for ; end > start; end-- {
			if !s.work.spend(1 + (end-start)/16) { // a look into the vocabulary reads the part
				return dst
			}
			if end < len(piece) && !utf8.RuneStart(piece[end]) {
				continue
			}
			part := piece[start:end]
			if start > 0 {
				part = m.prefix + part
			}
			if id, ok := m.ids[part]; ok {
				dst = append(dst, int(id))
				break
			}
		}
		if end == start {
			return m.appendUnknown(dst[:begin])
		}
		start = end
	}
	return dst
}

func (m *wordPiece) appendUnknown(dst []int) []int {
	if m.unknown < 0 {
		return dst
	}
	return append(dst, int(m.unknown))
}

// wordLevel knows whole pieces only.
type wordLevel struct {
	vocabulary
	unknown int32
}

func (m *wordLevel) tokenize(dst []int, piece string, _ *scratch) []int {
	if id, ok := m.ids[piece]; ok {
		return append(dst, int(id))
	}
	if m.unknown < 0 {
		return dst
	}
	return append(dst, int(m.unknown))
}
