package tokenizer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// ToGGUF returns the vocabulary of a GGUF file for a model with as many rows of embeddings: llama.cpp wants a token for each. Rows
// without one get tokens "[PAD…]" that no text contains; added tokens without a row are left out. What llama.cpp does differently is
// told in words.
//
// The result is tried on a set of texts: what does not cut and encode them as t does is ErrUnsupported, as are models that GGUF does
// not know. A model token without a row is ErrVocabulary.
func (t *Tokenizer) ToGGUF(rows int) (v *GGUFVocabulary, notes []string, err error) {
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
	if m.byteFallback {
		v.sentencePiece(t, m)
		err = v.trySpaces(t)
	} else {
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
	v.Model, v.Merges = "gpt2", []string{} // llama.cpp wants the list even if it is empty
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
func (v *GGUFVocabulary) sentencePiece(t *Tokenizer, m *bpe) {
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
			v.Types[id], v.Scores[id] = ByteToken, 0
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

// trySpaces finds out whether a space comes before a text, by texts that do not begin with one.
func (v *GGUFVocabulary) trySpaces(t *Tokenizer) error {
	texts := slices.DeleteFunc(slices.Clone(probes), func(text string) bool { return strings.HasPrefix(text, " ") })
	for _, prefix := range []bool{true, false} {
		v.AddSpacePrefix = &prefix
		if v.encodesAs(t, texts) {
			return nil
		}
	}
	return fmt.Errorf("%w: SentencePiece as in GGUF files cuts texts in another way", ErrUnsupported)
}

// tryPreTokenizers finds the pre-tokenizer by how it cuts texts, whatever the vocabulary then does with the pieces; failing that,
// one with which this vocabulary gives the same tokens, for every token's text too.
func (v *GGUFVocabulary) tryPreTokenizers(t *Tokenizer) error {
	if !composes(t.normalizer) && t.normalizer != nil {
		return fmt.Errorf("%w: llama.cpp does not rewrite texts, as this normalizer does", ErrUnsupported)
	}
	var rest []string
	for _, v.Pre = range preTokenizers {
		pre, err := ggufPreTokenizer(v.Pre)
		if err != nil {
			return err
		}
		switch same, err := pre.cutsAs(t); {
		case err != nil:
			return err
		case same && v.encodesAs(t, probes):
			return nil
		case !same:
			rest = append(rest, v.Pre)
		}
	}
	texts := slices.Clone(probes)
	for id := range v.Tokens {
		if v.Types[id] == NormalToken {
			text := t.Decode([]int{id})
			texts = append(texts, text, "a"+text+"1 ")
		}
	}
	for _, v.Pre = range rest {
		if v.encodesAs(t, texts) {
			return nil
		}
	}
	return fmt.Errorf("%w: no pre-tokenizer of GGUF cuts texts as this one does", ErrUnsupported)
}

// composes tells whether a normalizer is Unicode's NFC.
func composes(n normalizer) bool {
	if list, ok := n.(normalizers); ok && len(list) == 1 {
		n = list[0]
	}
	form, ok := n.(normalForm)
	return ok && form == nfc
}

// cutsAs tells whether a tokenizer takes texts apart into the same pieces, and treats pieces that are tokens alike.
func (p ggufPre) cutsAs(t *Tokenizer) (bool, error) {
	if p.wholeFirst != t.model.(*bpe).wholeFirst {
		return false, nil
	}
	steps, err := p.steps()
	if err != nil {
		return false, err
	}
	for _, text := range probes {
		got, err := cut(text, steps)
		want, err2 := cut(text, t.pretokenizers)
		if err := errors.Join(err, err2); err != nil {
			return false, err
		}
		if !slices.Equal(got, want) {
			return false, nil
		}
	}
	return true, nil
}

// cut returns the pieces that a model gets of a text without added tokens, if nothing normalizes it.
func cut(text string, steps []preTokenizer) ([]string, error) {
	pieces, s := []piece{{text, true}}, &scratch{work: allowance(len(text))}
	for _, pre := range steps {
		pieces = pre.split(nil, pieces, s)
	}
	var texts []string
	for _, p := range pieces {
		if p.text != "" {
			texts = append(texts, p.text)
		}
	}
	return texts, s.work.err
}

// encodesAs tries the vocabulary.
func (v *GGUFVocabulary) encodesAs(original *Tokenizer, texts []string) bool {
	t, err := FromGGUF(*v)
	if err != nil {
		return false
	}
	for _, text := range texts {
		if original.normalizer != nil && v.Model == "gpt2" {
			text = norm.NFC.String(text)
		}
		got, err := t.Encode(text, true)
		want, err2 := original.Encode(text, true)
		if err != nil || err2 != nil || !slices.Equal(v.known(got), v.known(want)) {
			return false
		}
	}
	return true
}

// known makes one of unknown tokens in a row, which only some vocabularies fuse.
func (v *GGUFVocabulary) known(ids []int) []int {
	return slices.CompactFunc(ids, func(a, b int) bool { return v.Unknown != nil && a == b && a == *v.Unknown })
}

// differences tells what llama.cpp does in its own way with texts that are rare.
func (v *GGUFVocabulary) differences(t *Tokenizer) (notes []string) {
	if v.Model == "gpt2" && t.normalizer != nil {
		notes = append(notes, "llama.cpp does not compose characters (NFC) as this tokenizer does")
	}
	if v.Pre == "tekken" || v.Pre == "gpt-4o" {
		notes = append(notes, "llama.cpp cuts some words with combining marks, as in Devanagari, otherwise")
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
