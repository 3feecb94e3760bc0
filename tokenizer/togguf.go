package tokenizer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ToGGUF returns the vocabulary of a GGUF file of an architecture (general.architecture: vocabularies of gemma4 have a form of their
// own) for a model with as many rows of embeddings: llama.cpp wants a token for each. Rows without one get tokens "[PAD…]" that no
// text contains; added tokens without a row are left out. What llama.cpp does differently is told in words.
//
// The result is tried on a set of texts: what does not cut and encode them as t does is ErrUnsupported, as are models that GGUF does
// not know. A model token without a row is ErrVocabulary.
func (t *Tokenizer) ToGGUF(architecture string, rows int) (v *GGUFVocabulary, notes []string, err error) {
	m, ok := t.model.(*bpe)
	if !ok || m.prefix != "" || m.suffix != "" {
		return nil, nil, fmt.Errorf("%w: a GGUF file for these models has byte-level BPE or SentencePiece's BPE, not this vocabulary", ErrUnsupported)
	}
	if m.limit() > rows {
		return nil, nil, fmt.Errorf("%w: %d tokens for %d rows of embeddings", ErrVocabulary, m.limit(), rows)
	}
	v = &GGUFVocabulary{Tokens: make([]string, rows), Types: make([]TokenType, rows), ChatTemplate: t.chatTemplate, NamedTemplates: t.namedTemplates}
	v.copyTokens(t)
	if t.size > rows {
		notes = append(notes, fmt.Sprintf("added tokens from %d on have no embeddings and are left out", rows))
	}
	ends, err := v.copyEnds(t)
	if err != nil {
		return nil, nil, err
	}
	notes = slices.Concat(notes, ends, v.copySpace(t))
	switch {
	case m.byteFallback && architecture == "gemma4":
		v.gemma4(t, m)
		err = v.tryCharacters(t)
	case m.byteFallback:
		v.sentencePiece(m)
		err = v.trySpaces(t)
	default:
		v.byteLevel(m)
		err = v.tryPreTokenizers(t)
	}
	if err != nil {
		return nil, nil, err
	}
	return v, append(notes, v.differences(t)...), nil
}

// copyTokens copies tokens and their types. No two have the same text: llama.cpp stops at that.
func (v *GGUFVocabulary) copyTokens(t *Tokenizer) {
	for id := range v.Tokens {
		token, ok := t.token(id)
		if first, same := t.ID(token); ok && same && first == id {
			v.Tokens[id], v.Types[id] = token, NormalToken
		} else {
			v.Tokens[id], v.Types[id] = v.padding(t, id), UnusedToken
		}
	}
	for id, content := range t.addedTokens {
		if id >= len(v.Tokens) || v.Types[id] == UnusedToken {
			continue
		}
		switch inModel, ok := t.model.token(id); {
		case t.special[id]:
			v.Types[id] = ControlToken
		case ok && inModel == content && strings.Contains(content, "▁"):
			// A run of spaces, which merges make too. llama.cpp would look for "▁" itself in the text.
		default:
			v.Types[id] = UserDefinedToken
		}
	}
}

// padding names a row without a token, by a name that is not taken.
func (v *GGUFVocabulary) padding(t *Tokenizer, id int) string {
	name := fmt.Sprintf("[PAD%d]", id)
	for {
		if _, taken := t.ID(name); !taken {
			return name
		}
		name = "[" + name + "]"
	}
}

// copyEnds copies the tokens around a text and those that end it.
func (v *GGUFVocabulary) copyEnds(t *Tokenizer) (notes []string, err error) {
	within := func(id int, ok bool) *int {
		if !ok || id < 0 || id >= len(v.Tokens) {
			return nil
		}
		return &id
	}
	v.BOS = within(t.BOS())
	for _, named := range []struct {
		name string
		to   **int
	}{{"unk_token", &v.Unknown}, {"sep_token", &v.Separator}, {"pad_token", &v.Padding}, {"cls_token", &v.Class}, {"mask_token", &v.Mask}} {
		if content, ok := t.specialTokens[named.name]; ok {
			*named.to = within(t.ID(content))
		}
	}
	var stops []*int
	for _, id := range t.EOS() {
		if end := within(id, true); end != nil {
			stops = append(stops, end)
		}
	}
	for i, to := range []**int{&v.EOS, &v.EOT, &v.EOM} {
		if i < len(stops) {
			*to = stops[i]
		}
	}
	if len(stops) == 0 { // llama.cpp would take token 11, or 2
		if unused := slices.Index(v.Types, UnusedToken); unused >= 0 {
			v.EOS = &unused
		} else {
			notes = append(notes, "no token that ends a text is known; llama.cpp has a default for it")
		}
	}
	for _, id := range stops[min(3, len(stops)):] {
		if !slices.Contains(ggufStops, v.Tokens[*id]) {
			notes = append(notes, fmt.Sprintf("a GGUF file names three tokens that end a text; %q is one more", v.Tokens[*id]))
		}
	}
	around, err := t.Encode("", true)
	if err != nil {
		return nil, err
	}
	before := v.BOS != nil && len(around) > 0 && around[0] == *v.BOS
	after := v.EOS != nil && len(around) > 0 && around[len(around)-1] == *v.EOS && (!before || len(around) > 1)
	v.AddBOS, v.AddEOS = &before, &after
	return notes, nil
}

// copySpace gives the model a name by which llama.cpp knows that special tokens take the white space after them. It knows no other way
// to say so, nor that one takes the space before it or is only a token between words.
func (v *GGUFVocabulary) copySpace(t *Tokenizer) (notes []string) {
	const phi3 = "Phi-3"
	same := takesSpace(phi3)
	var others []string
	for _, m := range []*matcher{&t.raw, &t.normalized} {
		for _, token := range m.tokens {
			if token.lstrip || token.singleWord || token.rstrip {
				others = append(others, token.content)
			}
			same = same && !token.lstrip && !token.singleWord && token.rstrip != slices.Contains(spaceKept, token.content)
		}
	}
	for _, token := range append([]string{"</s>"}, spaceKept...) {
		_, known := t.ID(token)
		same = same && known
	}
	switch {
	case len(others) == 0:
	case same:
		v.Name = phi3
	default:
		notes = append(notes, fmt.Sprintf("llama.cpp does not take the white space around %q away, as this tokenizer does", others[0]))
	}
	return notes
}

// byteLevel sets what byte-level BPE needs.
func (v *GGUFVocabulary) byteLevel(m *bpe) {
	v.Model = "gpt2"
	v.copyMerges(m)
}

// copyMerges lists merges by rank.
func (v *GGUFVocabulary) copyMerges(m *bpe) {
	v.Merges = []string{} // llama.cpp wants the list even if it is empty
	for _, e := range m.merges.byRank() {
		left, right := e.pair()
		if a, ok := m.spelling(left); ok {
			if b, ok := m.spelling(right); ok {
				v.Merges = append(v.Merges, a+" "+b)
			}
		}
	}
}

// sentencePiece sets what a vocabulary with byte tokens needs: pairs are merged by falling score, so scores follow the order of
// merges.
func (v *GGUFVocabulary) sentencePiece(m *bpe) {
	v.Model = "llama"
	v.Scores = make([]float32, len(v.Tokens))
	merges := m.merges.byRank()
	lowest := float32(len(merges) + 1)
	merged := make(map[int32]float32, len(merges))
	for i, e := range merges {
		if _, ok := merged[e.id]; !ok {
			merged[e.id] = -float32(i + 1)
		}
	}
	for id, token := range v.Tokens {
		if score, ok := merged[int32(id)]; ok {
			v.Scores[id] = score
		} else {
			v.Scores[id] = -lowest - float32(id)
		}
		if b, ok := byteOf(token); ok && m.bytes[b] == int32(id) {
			v.Scores[id] = 0
		}
	}
	v.markBytes(m)
}

// shownTokens are special tokens of Gemma 4 that llama.cpp writes out, as it reads calls and thoughts by them.
var shownTokens = []string{"<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>", `<|"|>`}

// gemma4 sets what a vocabulary of Gemma 4 needs: merges as they are, of characters.
func (v *GGUFVocabulary) gemma4(t *Tokenizer, m *bpe) {
	no := false
	v.Model, v.AddSpacePrefix = "gemma4", &no
	v.copyMerges(m)
	v.markBytes(m)
	for _, token := range shownTokens {
		if id, ok := t.added[token]; ok && id < len(v.Types) && v.Types[id] == ControlToken {
			v.Types[id] = UserDefinedToken
		}
	}
}

// markBytes gives the tokens of bytes, and of what is unknown, their types.
func (v *GGUFVocabulary) markBytes(m *bpe) {
	for _, id := range m.bytes {
		if id >= 0 && int(id) < len(v.Types) {
			v.Types[id] = ByteToken
		}
	}
	if m.unknown >= 0 && int(m.unknown) < len(v.Tokens) {
		id := int(m.unknown)
		v.Unknown, v.Types[id] = &id, UnknownToken
	}
}

// byteOf reads the token of a byte, <0x0A>.
func byteOf(token string) (byte, bool) {
	var b byte
	n, err := fmt.Sscanf(token, "<0x%02X>", &b)
	return b, err == nil && n == 1 && token == byteToken(b)
}

// differences tells what llama.cpp does in its own way with texts that are rare.
func (v *GGUFVocabulary) differences(t *Tokenizer) (notes []string) {
	if v.Model == "gpt2" && t.normalizer != nil {
		notes = append(notes, "llama.cpp does not compose characters (NFC) as this tokenizer does")
	}
	switch v.Pre {
	case "tekken", "gpt-4o", "kimi-k2":
		notes = append(notes, "llama.cpp cuts some words with combining marks, as in Devanagari, otherwise")
	case "tiny_aya":
		notes = append(notes, "llama.cpp groups digits beside a letter from their end, this tokenizer from their beginning")
	}
	if slices.Contains([]string{"kimi-k2", "youtu", "tiny_aya"}, v.Pre) {
		notes = append(notes, "llama.cpp does not cut words before capitals, as in CamelCase, where this tokenizer does")
	}
	if v.Model == "gemma4" && !v.encodesAs(t, v.everyToken(t)) {
		notes = append(notes, "llama.cpp makes one token of line ends in a row where there is one, this tokenizer only where merges make it")
	}
	if v.Model == "llama" && !v.encodesAs(t, []string{"  two", " one"}) {
		notes = append(notes, "llama.cpp puts a space before texts that begin with one too, this tokenizer does not")
	}
	if v.Model == "llama" && v.EOS != nil && v.Types[*v.EOS] == ControlToken && !v.encodesAs(t, []string{"a" + v.Tokens[*v.EOS] + "b"}) {
		notes = append(notes, "llama.cpp puts a space after special tokens, this tokenizer does not")
	}
	return notes
}

// spelling is the text of a token, or of a character that only merges know.
func (m *bpe) spelling(id int32) (string, bool) {
	if int(id) < m.size {
		return m.vocabulary.token(int(id))
	}
	for r, i := range m.chars {
		if i == id {
			return string(r), true
		}
	}
	return "", false
}

// pair returns the tokens that a merge joins.
func (e pairEntry) pair() (left, right int32) {
	return int32((e.key - 1) >> 32), int32(uint32(e.key - 1))
}

// byRank lists the merges, the first to happen first.
func (t *pairTable) byRank() []pairEntry {
	var list []pairEntry
	for _, e := range t.entries {
		if e.key != 0 {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b pairEntry) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.key, b.key)) })
	return list
}
