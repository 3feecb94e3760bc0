package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// GGUFVocabulary is the tokenizer in a GGUF file's metadata (tokenizer.ggml.*). FromGGUF keeps none of its slices.
type GGUFVocabulary struct {
	Name   string      // general.name, by which llama.cpp knows Phi-3, whose special tokens take the white space after them
	Model  string      // tokenizer.ggml.model: "llama" (SentencePiece's BPE), "gpt2" (byte-level BPE) or "gemma4" (BPE of characters)
	Pre    string      // tokenizer.ggml.pre, for "gpt2": the name of the pre-tokenizer; "" is "default"
	Tokens []string    // by id
	Scores []float32   // by id, for "llama"; nil: all 0
	Types  []TokenType // by id; nil: all NormalToken
	Merges []string    // "left right" by rank, for "gpt2" and "gemma4"

	BOS, EOS, EOT, EOM, Unknown     *int // ids; nil: not in the file
	Separator, Padding, Class, Mask *int // the same; ids that are no tokens are ignored

	AddBOS, AddEOS *bool // nil: as llama.cpp for this model
	AddSpacePrefix *bool // nil: true for "llama"; nothing for others

	ChatTemplate   string
	NamedTemplates map[string]string // tokenizer.chat_template.NAME
}

// TokenType is tokenizer.ggml.token_type.
type TokenType int32

// The types that GGUF knows.
const (
	NormalToken      TokenType = 1
	UnknownToken     TokenType = 2 // stands for what the vocabulary lacks
	ControlToken     TokenType = 3 // special: <s>, <|im_end|>
	UserDefinedToken TokenType = 4 // found in the text before the model sees it
	UnusedToken      TokenType = 5
	ByteToken        TokenType = 6 // <0x0A>
)

// FromGGUF returns the tokenizer of a GGUF file, which works as llama.cpp's with special tokens parsed. Only for the pre-tokenizers
// "tekken", "gpt-4o", "kimi-k2", "youtu" and "tiny_aya" it takes the models' own patterns where llama.cpp has approximations, and
// "</s>" is a token of Gemma 4's texts, where it ends what is struck out. Errors wrap ErrFormat, ErrUnsupported
// (naming the model or pre-tokenizer) or ErrVocabulary, or are memory.ErrLimit where the process has no room for it.
func FromGGUF(meta GGUFVocabulary) (*Tokenizer, error) {
	n := len(meta.Tokens)
	if n == 0 || n > maxID {
		return nil, fmt.Errorf("%w: GGUF vocabulary of %d tokens", ErrVocabulary, n)
	}
	if meta.Types != nil && len(meta.Types) != n || meta.Scores != nil && len(meta.Scores) != n {
		return nil, fmt.Errorf("%w: GGUF vocabulary of %d tokens, %d types and %d scores", ErrVocabulary, n, len(meta.Types), len(meta.Scores))
	}
	for _, id := range []*int{meta.BOS, meta.EOS, meta.EOT, meta.EOM, meta.Unknown} {
		if id != nil && (*id < 0 || *id >= n) {
			return nil, fmt.Errorf("%w: special token %d of %d", ErrVocabulary, *id, n)
		}
	}
	if err := fits(n); err != nil {
		return nil, err
	}
	v := vocabulary{make(map[string]int32, n), slices.Clone(meta.Tokens), n}
	for id, token := range v.tokens {
		if token == "" {
			token = fmt.Sprintf("[EMPTY_%d]", id)
			v.tokens[id] = token
		}
		v.ids[token] = int32(id)
	}
	t := &Tokenizer{bos: -1, chatTemplate: meta.ChatTemplate}
	addBOS := false
	if meta.Model == "gpt2" && meta.Pre == "gemma4" { // which llama.cpp has for the same
		meta.Model = "gemma4"
	}
	switch meta.Model {
	case "llama":
		scores := meta.Scores
		if scores == nil {
			scores = make([]float32, n)
		}
		unknown := int32(-1)
		if meta.Unknown != nil {
			unknown = int32(*meta.Unknown)
		}
		m, err := newSPM(v, scores, unknown)
		if err != nil {
			return nil, err
		}
		t.model = m
		t.normalizer = replace{literal(" "), "▁"}
		t.decoders = []decoderStep{replaceDecoder{literal("▁"), " "}, byteFallbackDecoder{}, fuseDecoder{}}
		if t.spacePrefix = meta.AddSpacePrefix == nil || *meta.AddSpacePrefix; t.spacePrefix {
			t.decoders = append(t.decoders, fused(stripDecoder{' ', 1, 0}))
		}
		addBOS = true
	case "gpt2":
		pre, err := ggufPreTokenizer(meta.Pre)
		if err != nil {
			return nil, err
		}
		m, err := ggufBPE(v, meta.Merges)
		if err != nil {
			return nil, err
		}
		m.wholeFirst = pre.wholeFirst
		m.findSeams()
		t.model = m
		if t.pretokenizers, err = pre.steps(); err != nil {
			return nil, err
		}
		t.decoders = []decoderStep{byteLevelDecoder{}}
		addBOS = pre.addBOS
	case "gemma4":
		m := newBPE(v)
		if err := m.addMerges(meta.Merges); err != nil {
			return nil, err
		}
		m.byteFallback, m.wholeLines = true, true
		m.findSeams()
		t.model = m
		t.normalizer = replace{literal(" "), "▁"}
		lines, err := newPattern(`\n+`)
		if err != nil {
			return nil, err
		}
		t.pretokenizers = []preTokenizer{splitter{lines, isolated, false}}
		t.decoders = []decoderStep{replaceDecoder{literal("▁"), " "}, byteFallbackDecoder{}, fuseDecoder{}}
		addBOS = true
	default:
		return nil, fmt.Errorf("%w: GGUF tokenizer model %q (known: llama, gpt2, gemma4)", ErrUnsupported, meta.Model)
	}

	var added []addedToken
	for id, kind := range meta.Types {
		switch kind {
		case ControlToken, UnknownToken:
			added = append(added, addedToken{content: v.tokens[id], special: true})
		case UserDefinedToken:
			added = append(added, addedToken{content: v.tokens[id]})
		}
	}
	if takesSpace(meta.Name) {
		for i := range added {
			added[i].rstrip = !slices.Contains(spaceKept, added[i].content)
		}
	}
	if err := t.addTokens(added); err != nil {
		return nil, err
	}
	t.ggufEnds(meta, addBOS)
	return t, nil
}

// takesSpace tells, as llama.cpp does, whether special tokens take the white space after them.
func takesSpace(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "phi-3") || strings.Contains(name, "phi3")
}

// spaceKept are those that do not. llama.cpp reads no file of such a model without them.
var spaceKept = []string{"<unk>", "<s>", "<|endoftext|>"}

// ggufBPE returns a byte-level BPE.
func ggufBPE(v vocabulary, merges []string) (*bpe, error) {
	m := newBPE(v)
	for _, char := range byteAlphabet {
		if r, _ := utf8.DecodeRuneInString(char); m.char(r) < 0 { // a byte without a token keeps its neighbours apart and vanishes
			m.addChar(r, int32(v.size+len(m.spelled)))
			m.spelled = append(m.spelled, nil)
		}
	}
	return m, m.addMerges(merges)
}

// addMerges adds merges written "left right", by rank.
func (m *bpe) addMerges(merges []string) error {
	m.merges = newPairTable(len(merges))
	add := m.merger()
	for i, merge := range slices.Backward(merges) { // of equal ones the first counts
		left, right, ok := strings.Cut(merge, " ")
		if !ok {
			return fmt.Errorf("%w: merge %d, %q, is not two tokens", ErrFormat, i, merge)
		}
		if err := add(i, []byte(left), []byte(right)); err != nil {
			return err
		}
	}
	return nil
}
