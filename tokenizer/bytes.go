package tokenizer

import "slices"

// AppendBytes appends the bytes that a token writes behind others: perhaps only a part of a character. Special tokens, and ids that
// do not exist, write none. Decoders that look at a token's neighbours (WordPiece, BPEDecoder), which no model that generates has, may write otherwise.
func (t *Tokenizer) AppendBytes(to []byte, id int) []byte {
	token, ok := t.token(id)
	switch {
	case !ok || t.special[id]:
		return to
	case hasDecoder[byteLevelDecoder](t):
		return appendAlphabet(to, token)
	case hasDecoder[byteFallbackDecoder](t):
		if b, ok := parseByteToken(token); ok {
			return append(to, b)
		}
	}
	// A text's first token may be another: a blank before it may be left out.
	first, both := t.Decode([]int{id}), t.Decode([]int{id, id})
	return append(to, both[min(len(first), len(both)):]...)
}

func hasDecoder[D decoderStep](t *Tokenizer) bool {
	return slices.ContainsFunc(t.decoders, func(s decoderStep) bool { _, ok := s.(D); return ok })
}

// appendAlphabet appends what a token in the byte alphabet stands for; one with any other character stands for itself.
func appendAlphabet(to []byte, token string) []byte {
	before := len(to)
	for _, r := range token {
		if int(r) >= len(alphabetBytes) || alphabetBytes[r] < 0 {
			return append(to[:before], token...)
		}
		to = append(to, byte(alphabetBytes[r]))
	}
	return to
}
