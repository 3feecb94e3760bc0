package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// tokenizerJSON is the top of tokenizer.json; its parts are read by their type.
type tokenizerJSON struct {
	AddedTokens []struct {
		ID         int64  `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
		Normalized bool   `json:"normalized"`
		Special    bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	Model         json.RawMessage `json:"model"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
}

// Parse reads the contents of tokenizer.json and, if config is not nil, of tokenizer_config.json. Errors wrap ErrFormat,
// ErrUnsupported (naming the component), ErrVocabulary or ErrTooLarge. It keeps neither slice.
func Parse(tokenizerJSON []byte, config []byte) (*Tokenizer, error) {
	t, err := parseTokenizer(tokenizerJSON)
	if err != nil {
		return nil, err
	}
	if config != nil {
		if err := t.applyConfig(config); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func parseTokenizer(data []byte) (*Tokenizer, error) {
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("%w: tokenizer.json of %d bytes", ErrTooLarge, len(data))
	}
	var file tokenizerJSON
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%w: tokenizer.json: %v", ErrFormat, err)
	}
	t := &Tokenizer{bos: -1}
	var err error
	if t.model, err = parseModel(file.Model); err != nil {
		return nil, err
	}
	if t.normalizer, err = parseNormalizer(file.Normalizer); err != nil {
		return nil, err
	}
	if t.pretokenizers, err = parsePreTokenizer(file.PreTokenizer); err != nil {
		return nil, err
	}
	if t.post, err = parsePostProcessor(file.PostProcessor); err != nil {
		return nil, err
	}
	if t.decoders, err = parseDecoder(file.Decoder); err != nil {
		return nil, err
	}
	tokens := make([]addedToken, 0, len(file.AddedTokens))
	for _, a := range file.AddedTokens {
		tokens = append(tokens, addedToken{a.Content, -1, a.SingleWord, a.LStrip, a.RStrip, a.Normalized, a.Special})
	}
	t.addTokens(tokens)
	return t, nil
}

// addTokens adds tokens to those of the model. A token that the model knows keeps its id; the others get the next free ones,
// whatever the file says, as in the reference.
func (t *Tokenizer) addTokens(tokens []addedToken) {
	t.added, t.addedTokens, t.special = map[string]int{}, map[int]string{}, map[int]bool{}
	t.size = t.model.limit()
	byID := map[int]addedToken{}
	next := t.model.count()
	for _, a := range tokens {
		if a.content == "" {
			continue
		}
		id, ok := t.added[a.content]
		if !ok {
			if id, ok = t.model.id(a.content); !ok {
				id = next
			}
			next = max(next, id+1)
		}
		a.id = id
		t.added[a.content], t.addedTokens[id], byID[id] = id, a.content, a
		t.special[id] = t.special[id] || a.special
		t.size = max(t.size, id+1)
	}
	// Special tokens come first, so that of equal ones they are found; the last description of an id counts.
	var raw, normalized []addedToken
	seen := map[string]bool{}
	for _, special := range []bool{true, false} {
		for _, a := range tokens {
			if a.content == "" || t.special[t.added[a.content]] != special || seen[a.content] {
				continue
			}
			seen[a.content] = true
			b := byID[t.added[a.content]]
			b.content, b.id = a.content, t.added[a.content]
			if b.normalized {
				normalized = append(normalized, b)
			} else {
				raw = append(raw, b)
			}
		}
	}
	t.raw, t.normalized = newMatcher(raw, nil), newMatcher(normalized, t.normalizer)
}

// component is what parts of tokenizer.json have in common.
type component struct {
	Type string `json:"type"`
}

// absent tells whether a part is missing or null.
func absent(data json.RawMessage) bool {
	return len(data) == 0 || bytes.Equal(data, []byte("null"))
}

// typeOf returns the type of a part.
func typeOf(what string, data json.RawMessage) (string, error) {
	var c component
	if err := json.Unmarshal(data, &c); err != nil {
		return "", fmt.Errorf("%w: %s: %v", ErrFormat, what, err)
	}
	return c.Type, nil
}

// read fills v, a struct with its defaults, from a part.
func read[T any](what string, data json.RawMessage, v T) (T, error) {
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("%w: %s: %v", ErrFormat, what, err)
	}
	return v, nil
}

func unknownType(what, name string) error {
	return fmt.Errorf("%w: %s of type %q", ErrUnsupported, what, name)
}

func parseModel(data json.RawMessage) (model, error) {
	if absent(data) {
		return nil, fmt.Errorf("%w: tokenizer.json without a model", ErrFormat)
	}
	m, err := read("model", data, struct {
		Type         string          `json:"type"`
		Vocab        json.RawMessage `json:"vocab"`
		Merges       json.RawMessage `json:"merges"`
		Unknown      *string         `json:"unk_token"`
		UnknownID    *int            `json:"unk_id"`
		Prefix       *string         `json:"continuing_subword_prefix"`
		Suffix       *string         `json:"end_of_word_suffix"`
		FuseUnknown  bool            `json:"fuse_unk"`
		ByteFallback bool            `json:"byte_fallback"`
		WholeFirst   bool            `json:"ignore_merges"`
		MaxChars     *int            `json:"max_input_chars_per_word"`
	}{})
	if err != nil {
		return nil, err
	}
	if m.Type == "" { // files of before there were types
		switch {
		case !absent(m.Merges):
			m.Type = "BPE"
		case m.UnknownID != nil:
			m.Type = "Unigram"
		}
	}
	if m.Type == "Unigram" {
		unknown := -1
		if m.UnknownID != nil {
			unknown = *m.UnknownID
		}
		return parseUnigram(m.Vocab, unknown, m.ByteFallback)
	}
	switch m.Type {
	case "BPE", "WordPiece", "WordLevel":
	default:
		return nil, unknownType("model", m.Type)
	}
	v, err := parseVocabulary(m.Vocab)
	if err != nil {
		return nil, err
	}
	unknown := int32(-1)
	if m.Unknown != nil {
		if id, ok := v.ids[*m.Unknown]; ok {
			unknown = id
		}
	}
	switch m.Type {
	case "WordPiece":
		w := &wordPiece{vocabulary: v, unknown: unknown, prefix: "##", maxChars: 100}
		if m.Prefix != nil {
			w.prefix = *m.Prefix
		}
		if m.MaxChars != nil {
			w.maxChars = *m.MaxChars
		}
		return w, nil
	case "WordLevel":
		return &wordLevel{v, unknown}, nil
	}
	b := newBPE(v)
	b.unknown, b.fuseUnknown, b.byteFallback, b.wholeFirst = unknown, m.FuseUnknown, m.ByteFallback, m.WholeFirst
	if m.Prefix != nil {
		b.prefix = *m.Prefix
	}
	if m.Suffix != nil {
		b.suffix = *m.Suffix
	}
	b.merges = newPairTable(bytes.Count(m.Merges, []byte{','}) + 1)
	if !absent(m.Merges) {
		if err := parseMerges(m.Merges, b.mergeTokens); err != nil {
			return nil, err
		}
	}
	b.findSeams()
	return b, nil
}

// mergeTokens adds the merge of rank i.
func (m *bpe) mergeTokens(i int, left, right string) error {
	merged := m.mergedText(left, right)
	for _, token := range []string{left, right, merged} {
		if _, ok := m.ids[token]; !ok {
			return fmt.Errorf("%w: merge %d, %q and %q: no token %q", ErrVocabulary, i, left, right, token)
		}
	}
	m.merges.put(m.ids[left], m.ids[right], uint32(i), m.ids[merged])
	return nil
}

func parseUnigram(data json.RawMessage, unknown int, byteFallback bool) (model, error) {
	var pairs [][]json.RawMessage
	if err := json.Unmarshal(data, &pairs); err != nil {
		return nil, fmt.Errorf("%w: model.vocab: %v", ErrFormat, err)
	}
	tokens, scores := make([]string, len(pairs)), make([]float64, len(pairs))
	for i, pair := range pairs {
		if len(pair) != 2 {
			return nil, fmt.Errorf("%w: model.vocab: entry %d is not a token and a score", ErrFormat, i)
		}
		if err := json.Unmarshal(pair[0], &tokens[i]); err != nil {
			return nil, fmt.Errorf("%w: model.vocab: entry %d: %v", ErrFormat, i, err)
		}
		if err := json.Unmarshal(pair[1], &scores[i]); err != nil || math.IsNaN(scores[i]) {
			return nil, fmt.Errorf("%w: model.vocab: score of entry %d: %v", ErrFormat, i, err)
		}
	}
	if unknown < -1 {
		return nil, fmt.Errorf("%w: unk_id %d", ErrVocabulary, unknown)
	}
	return newUnigram(tokens, scores, unknown, byteFallback)
}
