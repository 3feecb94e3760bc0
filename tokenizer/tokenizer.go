package tokenizer

import (
	"errors"
	"maps"
	"slices"
	"sync"
)

// Errors wrapped by everything that reads a tokenizer.
var (
	ErrFormat      = errors.New("malformed tokenizer")            // not JSON, or not in the form of tokenizer.json
	ErrUnsupported = errors.New("unsupported tokenizer")          // a component this package does not know; the message names it
	ErrVocabulary  = errors.New("inconsistent vocabulary")        // ids out of range, merges of unknown tokens, missing tokens
	ErrTooLarge    = errors.New("tokenizer file too large")       // beyond MaxFileSize
	ErrLimit       = errors.New("tokenizer beyond its limits")    // its files ask for more work, memory or depth than any known model's
	ErrNotFound    = errors.New("no tokenizer in this directory") // no tokenizer.json
)

// Tokenizer turns text into ids and ids into text. It is immutable and safe for concurrent use.
type Tokenizer struct {
	raw, normalized matcher // added tokens looked for before and after normalization
	added           map[string]int
	addedTokens     map[int]string
	special         map[int]bool // ids left out by DecodeSkip and StreamSkip

	normalizer    normalizer // nil: the text stays as it is
	pretokenizers []preTokenizer
	model         model
	post          []template
	decoders      []decoderStep
	spacePrefix   bool // llama.cpp's SentencePiece: a space before the text and after each added token

	size           int // one more than the highest id
	bos            int // -1: none
	eos            []int
	chatTemplate   string
	namedTemplates map[string]string // beside the default one
	specialTokens  map[string]string // by name, such as "bos_token"

	scratch sync.Pool // of *scratch
}

// model turns one piece of text into ids.
type model interface {
	// tokenize appends the ids of piece, which is valid UTF-8 and not empty, to dst. Where s.work is used up, any ids will do.
	tokenize(dst []int, piece string, s *scratch) []int
	id(token string) (int, bool)
	token(id int) (string, bool)
	count() int // how many tokens there are
	limit() int // one more than the highest id
}

// piece is a part of the text on its way to the model.
type piece struct {
	text  string
	first bool // it begins where the text begins
}

// scratch is the memory of one Encode, reused by the next.
type scratch struct {
	outer, inner []segment
	pieces, next []piece
	spans        []span
	bpe          bpeScratch
	paths        []path
	work         work // what is left for this text
}

// Encode returns the ids of text. Bytes that are not UTF-8 count as U+FFFD. Added tokens written out in the text, such as <|im_end|>,
// become their ids. With special, the tokens that the model wants around a text (most often one that begins it) are put there.
//
// The error is ErrLimit where the components that the tokenizer's files ask for take more steps or make a longer text than any known
// model's. What is counted is work, not time, so the same text always gives the same.
func (t *Tokenizer) Encode(text string, special bool) ([]int, error) {
	text = validUTF8(text)
	s, _ := t.scratch.Get().(*scratch)
	if s == nil {
		s = new(scratch)
	}
	s.work = allowance(len(text))
	ids := make([]int, 0, len(text)/3+8)
	s.outer = t.raw.split(s.outer[:0], text, &s.work)
	afterAdded := true
	for i, outer := range s.outer {
		if outer.id >= 0 {
			ids = append(ids, outer.id)
			afterAdded = true
			continue
		}
		rest := outer.text
		if t.spacePrefix && afterAdded {
			rest = " " + rest
		}
		afterAdded = false
		if t.normalizer != nil {
			rest = t.normalizer.normalize(rest, &s.work)
		}
		s.inner = t.normalized.split(s.inner[:0], rest, &s.work)
		for j, inner := range s.inner {
			if inner.id >= 0 {
				ids = append(ids, inner.id)
				continue
			}
			ids = t.encodePlain(ids, piece{inner.text, i == 0 && j == 0}, s)
		}
	}
	clear(s.outer) // keep no text alive
	clear(s.inner)
	err := s.work.err
	t.scratch.Put(s)
	if err != nil {
		return nil, err
	}
	if special {
		ids = t.surround(ids)
	}
	return ids, nil
}

// surround puts the tokens around a text's that the model wants there.
func (t *Tokenizer) surround(ids []int) []int {
	for _, p := range t.post {
		ids = p.apply(ids)
	}
	return ids
}

// Around returns the tokens before a text and after it that the model wants there.
func (t *Tokenizer) Around() (before, after []int) {
	const text = -1
	ids := t.surround([]int{text})
	i := slices.Index(ids, text)
	if i < 0 {
		return ids, nil
	}
	return ids[:i:i], ids[i+1:]
}

// EncodeAtMost returns the ids of text as Encode does, with special tokens, but at most so many: the text's own last ones are left
// out, and cut tells that some are. Special tokens are all there, also where these alone are more.
func (t *Tokenizer) EncodeAtMost(text string, most int) (ids []int, cut bool, err error) {
	if ids, err = t.Encode(text, false); err != nil {
		return nil, false, err
	}
	room := max(0, most-len(t.surround(nil)))
	if cut = len(ids) > room; cut {
		ids = ids[:room]
	}
	return t.surround(ids), cut, nil
}

// encodePlain appends the ids of a normalized text without added tokens.
func (t *Tokenizer) encodePlain(ids []int, p piece, s *scratch) []int {
	s.pieces = append(s.pieces[:0], p)
	size := len(p.text)
	for _, pre := range t.pretokenizers {
		s.next = pre.split(s.next[:0], s.pieces, s)
		s.pieces, s.next = s.next, s.pieces
		before := size
		size = len(s.pieces)
		for _, p := range s.pieces {
			size += len(p.text)
		}
		if !s.work.spend(size) || !s.work.grow(size-before) {
			break
		}
	}
	for _, p := range s.pieces {
		if s.work.err != nil {
			break
		}
		if p.text != "" {
			ids = t.model.tokenize(ids, p.text, s)
		}
	}
	clear(s.pieces)
	clear(s.next)
	return ids
}

// Decode returns the text of ids, special tokens included. Ids that do not exist are left out.
func (t *Tokenizer) Decode(ids []int) string { return t.DecodeSkip(ids, false) }

// DecodeSkip is Decode that can leave special tokens out.
func (t *Tokenizer) DecodeSkip(ids []int, skipSpecial bool) string {
	d := t.StreamSkip(skipSpecial)
	for _, id := range ids {
		d.push(id)
	}
	return d.Flush()
}

// VocabSize returns one more than the highest id.
func (t *Tokenizer) VocabSize() int { return t.size }

// BOS returns the id of the token that begins a text, if the model has one.
func (t *Tokenizer) BOS() (int, bool) { return t.bos, t.bos >= 0 }

// EOS returns the ids that end a generation, in no particular order; the caller may keep the slice.
func (t *Tokenizer) EOS() []int { return append([]int(nil), t.eos...) }

// ChatTemplate returns the model's Jinja chat template, or "".
func (t *Tokenizer) ChatTemplate() string { return t.chatTemplate }

// NamedTemplate returns a chat template that the model has beside that, such as "tool_use", or "".
func (t *Tokenizer) NamedTemplate(name string) string { return t.namedTemplates[name] }

// SpecialTokens returns the special tokens by the names that tokenizer_config.json or special_tokens_map.json give them, which are those
// that a chat template knows them by: "bos_token", "pad_token", and a model's own, such as "image_token". The map is the caller's.
func (t *Tokenizer) SpecialTokens() map[string]string { return maps.Clone(t.specialTokens) }

// Token returns the token with this id as the vocabulary spells it, or "" if there is none.
func (t *Tokenizer) Token(id int) string {
	token, _ := t.token(id)
	return token
}

func (t *Tokenizer) token(id int) (string, bool) {
	if token, ok := t.addedTokens[id]; ok {
		return token, true
	}
	return t.model.token(id)
}

// ID returns the id of a token as the vocabulary spells it.
func (t *Tokenizer) ID(token string) (int, bool) {
	if id, ok := t.added[token]; ok {
		return id, true
	}
	return t.model.id(token)
}

// IsSpecial tells whether id is one of the tokens that DecodeSkip leaves out.
func (t *Tokenizer) IsSpecial(id int) bool { return t.special[id] }
