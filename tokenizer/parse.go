package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
)

// addedTokenJSON is an added token. Its id is not read: see addTokens.
type addedTokenJSON struct {
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

func (a addedTokenJSON) added(id int) addedToken {
	return addedToken{a.Content, id, a.SingleWord, a.LStrip, a.RStrip, a.Normalized, a.Special}
}

// Parse reads the contents of tokenizer.json and, if config is not nil, of tokenizer_config.json. See [Read].
func Parse(tokenizerJSON []byte, config []byte) (*Tokenizer, error) {
	return Read(func(name string) ([]byte, error) {
		switch {
		case name == "tokenizer.json":
			return tokenizerJSON, nil
		case name == "tokenizer_config.json" && config != nil:
			return config, nil
		}
		return nil, fs.ErrNotExist
	})
}

// parseTokenizer reads tokenizer.json, all but its added tokens, which it returns apart.
func parseTokenizer(data []byte) (*Tokenizer, []addedToken, error) {
	if len(data) > MaxFileSize {
		return nil, nil, fmt.Errorf("%w: tokenizer.json of %d bytes", ErrTooLarge, len(data))
	}
	_, parts, err := readObject("tokenizer.json", data)
	if err != nil {
		return nil, nil, err
	}
	t := &Tokenizer{bos: -1}
	if t.model, err = parseModel(parts["model"]); err != nil {
		return nil, nil, err
	}
	var components componentParser
	if t.normalizer, err = components.parseNormalizer(parts["normalizer"]); err != nil {
		return nil, nil, err
	}
	if t.pretokenizers, err = components.parsePreTokenizer(parts["pre_tokenizer"]); err != nil {
		return nil, nil, err
	}
	if t.post, err = components.parsePostProcessor(parts["post_processor"]); err != nil {
		return nil, nil, err
	}
	if t.decoders, err = components.parseDecoder(parts["decoder"]); err != nil {
		return nil, nil, err
	}
	var added []addedTokenJSON
	if !absent(parts["added_tokens"]) {
		if added, err = read("added_tokens", parts["added_tokens"], added); err != nil {
			return nil, nil, err
		}
	}
	tokens := make([]addedToken, 0, len(added))
	for _, a := range added {
		tokens = append(tokens, a.added(-1))
	}
	return t, tokens, nil
}

// checkPost checks the ids that are put around texts.
func (t *Tokenizer) checkPost() error {
	for _, template := range t.post {
		for _, item := range template {
			for _, id := range item.ids {
				if id < 0 || id >= t.size {
					return fmt.Errorf("%w: post_processor: id %d of %d", ErrVocabulary, id, t.size)
				}
			}
		}
	}
	return nil
}

// The most bytes of an added token, and of all: finding them takes some 40 bytes of memory for each. Those of known models have
// less than 100, and 200,000 in all.
const (
	maxAddedToken  = 1 << 16
	maxAddedTokens = 1 << 23
)

// addTokens adds tokens to those of the model. A token that the model knows keeps its id; the others get the next free ones,
// whatever the file says, as in the reference.
func (t *Tokenizer) addTokens(tokens []addedToken) error {
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
	seen, size := map[string]bool{}, 0
	for _, special := range []bool{true, false} {
		for _, a := range tokens {
			if a.content == "" || t.special[t.added[a.content]] != special || seen[a.content] {
				continue
			}
			seen[a.content] = true
			if size += len(a.content); len(a.content) > maxAddedToken || size > maxAddedTokens {
				return fmt.Errorf("%w: added tokens of more than %d bytes, or %d in all", ErrLimit, maxAddedToken, maxAddedTokens)
			}
			b := byID[t.added[a.content]]
			b.content, b.id = a.content, t.added[a.content]
			if b.normalized {
				normalized = append(normalized, b)
			} else {
				raw = append(raw, b)
			}
		}
	}
	w := allowance(size)
	t.raw, t.normalized = newMatcher(raw, nil, &w), newMatcher(normalized, t.normalizer, &w)
	if w.err != nil {
		return fmt.Errorf("%w: added_tokens", w.err)
	}
	return nil
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

// read fills v, a struct with its defaults, from a part, whose grammar was checked. Names that repeat or are in the wrong
// case are as harmless here as to the reference, which ignores them.
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
	parts, err := parseMembers("model", data)
	if err != nil {
		return nil, err
	}
	vocab, merges := parts["vocab"], parts["merges"]
	delete(parts, "vocab")
	delete(parts, "merges")
	small, err := json.Marshal(parts)
	if err != nil {
		return nil, fmt.Errorf("%w: model: %v", ErrFormat, err)
	}
	m, err := read("model", small, struct {
		Type         string  `json:"type"`
		Unknown      *string `json:"unk_token"`
		UnknownID    *int    `json:"unk_id"`
		Prefix       *string `json:"continuing_subword_prefix"`
		Suffix       *string `json:"end_of_word_suffix"`
		FuseUnknown  bool    `json:"fuse_unk"`
		ByteFallback bool    `json:"byte_fallback"`
		WholeFirst   bool    `json:"ignore_merges"`
		MaxChars     *int    `json:"max_input_chars_per_word"`
	}{})
	if err != nil {
		return nil, err
	}
	if m.Type == "" { // files of before there were types
		switch {
		case !absent(merges):
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
		return parseUnigram(vocab, unknown, m.ByteFallback)
	}
	switch m.Type {
	case "BPE", "WordPiece", "WordLevel":
	default:
		return nil, unknownType("model", m.Type)
	}
	v, err := parseVocabulary(vocab)
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
		if m.MaxChars != nil && *m.MaxChars > maxWordPiece {
			return nil, fmt.Errorf("%w: model: words of %d characters", ErrLimit, *m.MaxChars)
		}
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
	for _, affix := range []*string{m.Prefix, m.Suffix} {
		if affix != nil && len(*affix) > maxAffix {
			return nil, fmt.Errorf("%w: model: a prefix or suffix of %d bytes", ErrLimit, len(*affix))
		}
	}
	b := newBPE(v)
	b.unknown, b.fuseUnknown, b.byteFallback, b.wholeFirst = unknown, m.FuseUnknown, m.ByteFallback, m.WholeFirst
	if m.Prefix != nil {
		b.prefix = *m.Prefix
	}
	if m.Suffix != nil {
		b.suffix = *m.Suffix
	}
	b.merges = newPairTable(bytes.Count(merges, []byte{','}) + 1)
	if !absent(merges) {
		if err := parseMerges(merges, b.merger()); err != nil {
			return nil, err
		}
	}
	b.findSeams()
	return b, nil
}

const (
	maxAffix     = 256  // of the spelling of a character inside a word, in bytes
	maxWordPiece = 1024 // characters of a word that is cut in pieces; BERT's is 100
)

// merger returns a function that adds the merge of rank i.
func (m *bpe) merger() func(i int, left, right []byte) error {
	var merged []byte
	return func(i int, left, right []byte) error {
		merged = append(append(merged[:0], left...), bytes.TrimPrefix(right, []byte(m.prefix))...)
		var ids [3]int32
		for k, token := range [3][]byte{left, right, merged} {
			id, ok := m.ids[string(token)]
			if !ok {
				return fmt.Errorf("%w: merge %d, %q and %q: no token %q", ErrVocabulary, i, left, right, token)
			}
			ids[k] = id
		}
		m.merges.put(ids[0], ids[1], uint32(i), ids[2])
		return nil
	}
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
