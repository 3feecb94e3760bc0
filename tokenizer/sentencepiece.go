package tokenizer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// sentencePieceModel is what a tokenizer.model says (sentencepiece_model.proto): its pieces, and how texts are prepared.
type sentencePieceModel struct {
	pieces                       []sentencePiece
	kind                         int // 1: Unigram, 2: BPE
	byteFallback                 bool
	unknown, bos, eos, pad       int // ids; -1: none
	unknownPiece                 string
	bosPiece, eosPiece, padPiece string
	charsmap                     []byte
	dummyPrefix, removeSpaces    bool
	escapeSpaces, spaceSuffix    bool
}

type sentencePiece struct {
	text  string
	score float32
	kind  TokenType // GGUF has taken its types from here
}

func parseSentencePiece(data []byte) (*sentencePieceModel, error) {
	const file = "tokenizer.model"
	m := &sentencePieceModel{
		kind: 1, bos: 1, eos: 2, pad: -1, unknownPiece: "<unk>", bosPiece: "<s>", eosPiece: "</s>", padPiece: "<pad>",
		dummyPrefix: true, removeSpaces: true, escapeSpaces: true,
	}
	err := readProtobuf(file, data, func(f protobufField) error {
		switch f.number {
		case 1:
			p := sentencePiece{kind: NormalToken}
			err := readProtobuf(file+": pieces", f.bytes, func(f protobufField) error {
				switch f.number {
				case 1:
					p.text = string(f.bytes)
				case 2:
					p.score = f.float32()
				case 3:
					p.kind = TokenType(f.int32())
				}
				return nil
			})
			if err == nil && (p.text == "" || !utf8.ValidString(p.text) || math.IsNaN(float64(p.score)) || math.IsInf(float64(p.score), 0)) {
				err = fmt.Errorf("%w: %s: piece %d: text %.50q, score %v", ErrFormat, file, len(m.pieces), p.text, p.score)
			}
			if len(m.pieces) >= maxID {
				err = fmt.Errorf("%w: %s: more than %d pieces", ErrVocabulary, file, maxID)
			}
			m.pieces = append(m.pieces, p)
			return err
		case 2:
			return readProtobuf(file+": trainer_spec", f.bytes, m.trainer)
		case 3:
			return readProtobuf(file+": normalizer_spec", f.bytes, m.normalizer)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(m.pieces) == 0:
		return nil, fmt.Errorf("%w: %s: no pieces", ErrFormat, file)
	case m.kind != 1 && m.kind != 2:
		return nil, fmt.Errorf("%w: %s: model_type %d (known: 1, Unigram; 2, BPE)", ErrUnsupported, file, m.kind)
	case m.spaceSuffix:
		return nil, fmt.Errorf("%w: %s: treat_whitespace_as_suffix", ErrUnsupported, file)
	}
	for _, id := range []int{m.unknown, m.bos, m.eos, m.pad} {
		if id < -1 || id >= len(m.pieces) {
			return nil, fmt.Errorf("%w: %s: special token %d of %d pieces", ErrVocabulary, file, id, len(m.pieces))
		}
	}
	return m, nil
}

func (m *sentencePieceModel) trainer(f protobufField) error {
	switch f.number {
	case 3:
		m.kind = f.int32()
	case 24:
		m.spaceSuffix = f.value != 0
	case 35:
		m.byteFallback = f.value != 0
	case 40:
		m.unknown = f.int32()
	case 41:
		m.bos = f.int32()
	case 42:
		m.eos = f.int32()
	case 43:
		m.pad = f.int32()
	case 45:
		m.unknownPiece = string(f.bytes)
	case 46:
		m.bosPiece = string(f.bytes)
	case 47:
		m.eosPiece = string(f.bytes)
	case 48:
		m.padPiece = string(f.bytes)
	}
	return nil
}

func (m *sentencePieceModel) normalizer(f protobufField) error {
	switch f.number {
	case 2:
		m.charsmap = f.bytes
	case 3:
		m.dummyPrefix = f.value != 0
	case 4:
		m.removeSpaces = f.value != 0
	case 5:
		m.escapeSpaces = f.value != 0
	}
	return nil
}

// fromSentencePiece makes of tokenizer.model what transformers makes of it where it has no class of its own for the model: a
// tokenizer that encodes as SentencePiece does. The settings may rename pieces and get the names of special tokens that they lack.
func fromSentencePiece(data []byte, s *settings) (*Tokenizer, []addedToken, error) {
	m, err := parseSentencePiece(data)
	if err != nil {
		return nil, nil, err
	}
	m.rename(s)
	t := &Tokenizer{bos: -1}
	if m.kind == 2 {
		t.model, err = m.bpe()
	} else {
		tokens, scores := make([]string, len(m.pieces)), make([]float64, len(m.pieces))
		for i, p := range m.pieces {
			tokens[i], scores[i] = p.text, float64(p.score)
		}
		t.model, err = newUnigram(tokens, scores, m.unknown, m.byteFallback)
	}
	if err != nil {
		return nil, nil, err
	}
	legacy := s.legacy == nil || *s.legacy
	if t.normalizer, err = m.normalizers(legacy); err != nil {
		return nil, nil, err
	}
	var added []addedToken
	var userDefined []string
	for id, p := range m.pieces {
		switch p.kind {
		case ControlToken:
			added = append(added, addedToken{content: p.text, id: id, special: true})
		case UserDefinedToken:
			userDefined = append(userDefined, p.text)
		}
	}
	if m.dummyPrefix {
		scheme := prependAlways
		if !legacy {
			scheme = prependFirst
		}
		t.pretokenizers = append(t.pretokenizers, metaspace{"▁", scheme, false})
		for i := range s.added { // so that each text between them gets its own prefix
			s.added[i].normalized = false
		}
	}
	if userDefined != nil {
		t.pretokenizers = append(t.pretokenizers, splitter{newWords(userDefined), isolated, false})
	}
	t.decoders = []decoderStep{replaceDecoder{literal("▁"), " "}}
	if m.byteFallback {
		t.decoders = append(t.decoders, byteFallbackDecoder{})
	}
	if m.dummyPrefix {
		t.decoders = append(t.decoders, fuseDecoder{}, fused(stripDecoder{' ', 1, 0}))
	} else if m.byteFallback {
		t.decoders = append(t.decoders, fuseDecoder{})
	}
	for _, name := range []struct {
		name, piece string
		id          int
	}{{"bos_token", m.bosPiece, m.bos}, {"eos_token", m.eosPiece, m.eos}, {"unk_token", m.unknownPiece, m.unknown}} {
		if _, ok := s.special[name.name]; !ok && name.id >= 0 {
			s.special[name.name] = addedToken{content: name.piece, special: true}
		}
	}
	s.wrap = true
	return t, added, nil
}

// rename gives pieces the names that added_tokens_decoder has for their ids, unless another piece keeps that name.
func (m *sentencePieceModel) rename(s *settings) {
	names := map[int]string{}
	for _, token := range s.added {
		if token.id >= 0 && token.id < len(m.pieces) {
			names[token.id] = token.content
		}
	}
	if len(names) == 0 {
		return
	}
	kept := map[string]bool{}
	for id, p := range m.pieces {
		if _, ok := names[id]; !ok {
			kept[p.text] = true
		}
	}
	for id, name := range names {
		if !kept[name] && name != "" {
			m.pieces[id].text = name
		}
	}
}

// normalizers are SentencePiece's, in its order.
func (m *sentencePieceModel) normalizers(legacy bool) (normalizer, error) {
	var all normalizers
	if len(m.charsmap) > 0 {
		c, err := parseCharsmap(m.charsmap)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	var rewrites [][2]string
	if m.removeSpaces { // only spaces: other white space stays
		rewrites = append(rewrites, [2]string{`\A +| +\z`, ""}, [2]string{` {2,}`, " "})
	}
	if m.escapeSpaces {
		rewrites = append(rewrites, [2]string{` `, "▁"})
	}
	if m.dummyPrefix && legacy { // SentencePiece's prefix comes before a text that begins with "▁" too
		rewrites = append(rewrites, [2]string{`\A▁`, "▁▁"})
	}
	for _, rewrite := range rewrites {
		p, err := newPattern(rewrite[0])
		if err != nil {
			return nil, err
		}
		all = append(all, replace{p, rewrite[1]})
	}
	return all, nil
}

// maxCuts bounds the ways to cut all pieces in two, times their lengths: to look for a part reads it.
const maxCuts = 1 << 30

// bpe returns the model whose merges are all ways to cut a normal piece in two normal ones, the highest score first.
func (m *sentencePieceModel) bpe() (*bpe, error) {
	v := vocabulary{make(map[string]int32, len(m.pieces)), make([]string, len(m.pieces)), len(m.pieces)}
	normal := make(map[string]int32, len(m.pieces))
	cost := 0
	for id, p := range m.pieces {
		v.ids[p.text], v.tokens[id] = int32(id), p.text
		if p.kind == NormalToken {
			normal[p.text] = int32(id)
			cost += min(len(p.text), 1<<20) * min(len(p.text), 1<<20)
		}
		if cost > maxCuts {
			return nil, fmt.Errorf("%w: tokenizer.model: pieces too long", ErrLimit)
		}
	}
	type cut struct {
		score       float32
		whole       int32
		left, right string
	}
	var cuts []cut
	for text, id := range normal {
		for i := range text {
			if _, ok := normal[text[:i]]; !ok {
				continue
			}
			if _, ok := normal[text[i:]]; ok {
				cuts = append(cuts, cut{m.pieces[id].score, id, text[:i], text[i:]})
			}
		}
	}
	slices.SortFunc(cuts, func(a, b cut) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.whole, b.whole), strings.Compare(a.left, b.left))
	})
	b := newBPE(v)
	b.byteFallback, b.fuseUnknown = m.byteFallback, true
	if id, ok := v.ids[m.unknownPiece]; ok {
		b.unknown = id
	}
	for _, p := range m.pieces {
		b.wholeFirst = b.wholeFirst || p.kind == UserDefinedToken
	}
	b.merges = newPairTable(len(cuts))
	for rank, c := range cuts {
		b.merges.put(v.ids[c.left], v.ids[c.right], uint32(rank), v.ids[c.left+c.right])
	}
	b.findSeams()
	return b, nil
}

// words is a pattern that matches the longest of its texts.
type words struct{ texts *trie }

func newWords(texts []string) words { return words{newTrie(texts, make([]int32, len(texts)))} }

func (p words) find(dst []span, s string, w *work) []span {
	for i := 0; i < len(s); {
		_, n, walked := p.texts.longest(s[i:])
		if !w.spend(walked) {
			return dst
		}
		if n == 0 {
			i++
			continue
		}
		dst = append(dst, span{i, i + n})
		i += n
	}
	return dst
}
