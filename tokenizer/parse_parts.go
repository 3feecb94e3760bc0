package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// patternJSON is {"String": ...} or {"Regex": ...}.
type patternJSON struct {
	String *string
	Regex  *string
}

// componentParser counts the components of a tokenizer: each takes work for every text.
type componentParser struct {
	components, depth int
	growth            int // how many times as long decoders may make a text
}

const (
	maxComponents = 512 // known models have at most some dozens
	maxDepth      = 16  // of sequences in sequences
)

// enter notes a component; the caller leaves it when its parts are read.
func (c *componentParser) enter(what string) error {
	c.components++
	c.depth++
	if c.components > maxComponents || c.depth > maxDepth {
		return fmt.Errorf("%w: %s: more than %d components, or nested deeper than %d", ErrLimit, what, maxComponents, maxDepth)
	}
	return nil
}

func (c *componentParser) leave() { c.depth-- }

func (p patternJSON) compile() (pattern, error) {
	switch {
	case p.String != nil && *p.String == "":
		return newPattern("") // as the reference: it matches everywhere
	case p.String != nil:
		return literal(*p.String), nil
	case p.Regex != nil:
		return newPattern(*p.Regex)
	}
	return nil, fmt.Errorf("%w: a pattern is neither String nor Regex", ErrFormat)
}

func (c *componentParser) parseNormalizer(data json.RawMessage) (normalizer, error) {
	const what = "normalizer"
	if absent(data) {
		return nil, nil
	}
	if err := c.enter(what); err != nil {
		return nil, err
	}
	defer c.leave()
	name, err := typeOf(what, data)
	if err != nil {
		return nil, err
	}
	switch name {
	case "NFC":
		return nfc, nil
	case "NFD":
		return nfd, nil
	case "NFKC":
		return nfkc, nil
	case "NFKD":
		return nfkd, nil
	case "Lowercase":
		return lowercase{}, nil
	case "StripAccents":
		return stripAccents{}, nil
	case "Nmt":
		return nmt{}, nil
	case "ByteLevel":
		return byteLevelNormalizer{}, nil
	case "Sequence":
		v, err := read(what, data, struct{ Normalizers []json.RawMessage }{})
		if err != nil {
			return nil, err
		}
		var all normalizers
		for _, part := range v.Normalizers {
			n, err := c.parseNormalizer(part)
			if err != nil {
				return nil, err
			}
			if n != nil {
				all = append(all, n)
			}
		}
		if all == nil {
			return nil, nil
		}
		return all, nil
	case "Prepend":
		v, err := read(what, data, struct{ Prepend string }{})
		return prepend(v.Prepend), err
	case "Replace":
		v, err := read(what, data, struct {
			Pattern patternJSON
			Content string
		}{})
		if err != nil {
			return nil, err
		}
		p, err := v.Pattern.compile()
		return replace{p, v.Content}, err
	case "Strip":
		v, err := read(what, data, struct {
			Left  bool `json:"strip_left"`
			Right bool `json:"strip_right"`
		}{})
		return strip{v.Left, v.Right}, err
	case "BertNormalizer":
		v, err := read(what, data, struct {
			Clean        bool  `json:"clean_text"`
			Chinese      bool  `json:"handle_chinese_chars"`
			StripAccents *bool `json:"strip_accents"`
			Lowercase    bool
		}{})
		n := bertNormalizer{v.Clean, v.Chinese, v.Lowercase, v.Lowercase}
		if v.StripAccents != nil {
			n.stripAccents = *v.StripAccents
		}
		return n, err
	case "Precompiled":
		v, err := read(what, data, struct {
			Charsmap string `json:"precompiled_charsmap"`
		}{})
		if err != nil {
			return nil, err
		}
		return newCharsmap(v.Charsmap)
	}
	return nil, unknownType(what, name)
}

// metaspaceJSON is the same for pre-tokenizers and decoders.
type metaspaceJSON struct {
	Replacement    string
	AddPrefixSpace *bool   `json:"add_prefix_space"`
	PrependScheme  *string `json:"prepend_scheme"`
	Split          *bool
}

func (v metaspaceJSON) scheme() (prependScheme, error) {
	if utf8.RuneCountInString(v.Replacement) != 1 {
		return 0, fmt.Errorf("%w: Metaspace: replacement %q is not one character", ErrFormat, v.Replacement)
	}
	if v.PrependScheme == nil {
		if v.AddPrefixSpace != nil && !*v.AddPrefixSpace {
			return prependNever, nil
		}
		return prependAlways, nil
	}
	switch *v.PrependScheme {
	case "always":
		return prependAlways, nil
	case "first":
		return prependFirst, nil
	case "never":
		return prependNever, nil
	}
	return 0, fmt.Errorf("%w: Metaspace: prepend_scheme %q", ErrUnsupported, *v.PrependScheme)
}

func parseBehavior(name string) (behavior, error) {
	switch name {
	case "Removed":
		return removed, nil
	case "Isolated", "":
		return isolated, nil
	case "MergedWithPrevious":
		return mergedWithPrevious, nil
	case "MergedWithNext":
		return mergedWithNext, nil
	case "Contiguous":
		return contiguous, nil
	}
	return 0, fmt.Errorf("%w: split behavior %q", ErrUnsupported, name)
}

// parsePreTokenizer returns the pre-tokenizers to apply one after the other.
func (c *componentParser) parsePreTokenizer(data json.RawMessage) ([]preTokenizer, error) {
	const what = "pre_tokenizer"
	if absent(data) {
		return nil, nil
	}
	if err := c.enter(what); err != nil {
		return nil, err
	}
	defer c.leave()
	name, err := typeOf(what, data)
	if err != nil {
		return nil, err
	}
	one := func(p preTokenizer, err error) ([]preTokenizer, error) { return []preTokenizer{p}, err }
	switch name {
	case "Sequence":
		v, err := read(what, data, struct{ Pretokenizers []json.RawMessage }{})
		if err != nil {
			return nil, err
		}
		var all []preTokenizer
		for _, part := range v.Pretokenizers {
			p, err := c.parsePreTokenizer(part)
			if err != nil {
				return nil, err
			}
			all = append(all, p...)
		}
		return all, nil
	case "ByteLevel":
		v, err := read(what, data, struct {
			AddPrefixSpace bool  `json:"add_prefix_space"`
			UseRegex       *bool `json:"use_regex"`
		}{})
		p := byteLevel{addPrefixSpace: v.AddPrefixSpace}
		if v.UseRegex == nil || *v.UseRegex {
			p.words = scanner{matchGPT2, classes()}
		}
		return one(p, err)
	case "Split":
		v, err := read(what, data, struct {
			Pattern  patternJSON
			Behavior string
			Invert   bool
		}{})
		if err != nil {
			return nil, err
		}
		p, err := v.Pattern.compile()
		if err != nil {
			return nil, err
		}
		b, err := parseBehavior(v.Behavior)
		return one(splitter{p, b, v.Invert}, err)
	case "Metaspace":
		v, err := read(what, data, metaspaceJSON{})
		if err != nil {
			return nil, err
		}
		scheme, err := v.scheme()
		return one(metaspace{v.Replacement, scheme, v.Split == nil || *v.Split}, err)
	case "Whitespace":
		return one(splitter{wordRuns{}, removed, true}, nil)
	case "WhitespaceSplit":
		return one(splitter{runes(isSpace), removed, false}, nil)
	case "CharDelimiterSplit":
		v, err := read(what, data, struct{ Delimiter string }{})
		if err != nil {
			return nil, err
		}
		is, ok := only(v.Delimiter)
		if !ok {
			return nil, fmt.Errorf("%w: CharDelimiterSplit: delimiter %q is not one character", ErrFormat, v.Delimiter)
		}
		return one(splitter{is, removed, false}, nil)
	case "Digits":
		v, err := read(what, data, struct {
			Individual bool `json:"individual_digits"`
		}{})
		b := contiguous
		if v.Individual {
			b = isolated
		}
		return one(splitter{runes(isNumeric), b, false}, err)
	case "Punctuation":
		v, err := read(what, data, struct{ Behavior string }{})
		if err != nil {
			return nil, err
		}
		b, err := parseBehavior(v.Behavior)
		return one(splitter{runes(isPunctuation), b, false}, err)
	case "BertPreTokenizer":
		return []preTokenizer{splitter{runes(isSpace), removed, false}, splitter{runes(isPunctuation), isolated, false}}, nil
	case "FixedLength":
		v, err := read(what, data, struct{ Length int }{5})
		if err == nil && v.Length <= 0 {
			err = fmt.Errorf("%w: FixedLength: length %d", ErrFormat, v.Length)
		}
		return one(fixedLength(v.Length), err)
	}
	return nil, unknownType(what, name)
}

// parsePostProcessor returns the templates to apply one after the other.
func (c *componentParser) parsePostProcessor(data json.RawMessage) ([]template, error) {
	const what = "post_processor"
	if absent(data) {
		return nil, nil
	}
	if err := c.enter(what); err != nil {
		return nil, err
	}
	defer c.leave()
	name, err := typeOf(what, data)
	if err != nil {
		return nil, err
	}
	switch name {
	case "ByteLevel": // it only moves offsets
		return nil, nil
	case "Sequence":
		v, err := read(what, data, struct{ Processors []json.RawMessage }{})
		if err != nil {
			return nil, err
		}
		var all []template
		for _, part := range v.Processors {
			p, err := c.parsePostProcessor(part)
			if err != nil {
				return nil, err
			}
			all = append(all, p...)
		}
		return all, nil
	case "BertProcessing", "RobertaProcessing":
		v, err := read(what, data, struct{ Sep, Cls tokenAndID }{})
		if err != nil {
			return nil, err
		}
		return []template{around([]int{v.Cls.id}, []int{v.Sep.id})}, nil
	case "TemplateProcessing":
		t, err := parseTemplate(data)
		if err != nil {
			return nil, err
		}
		return []template{t}, nil
	}
	return nil, unknownType(what, name)
}

// tokenAndID is ["</s>", 2].
type tokenAndID struct{ id int }

func (t *tokenAndID) UnmarshalJSON(data []byte) error {
	var token string
	return json.Unmarshal(data, &[]any{&token, &t.id})
}

// maxTemplate bounds the tokens that are put around a text.
const maxTemplate = 256

func parseTemplate(data json.RawMessage) (template, error) {
	v, err := read("post_processor", data, struct {
		Single []struct {
			SpecialToken *struct{ ID string }
			Sequence     *struct{ ID string }
		}
		SpecialTokens map[string]struct{ IDs []int } `json:"special_tokens"`
	}{})
	if err != nil {
		return nil, err
	}
	var t template
	ids, texts := 0, 0
	for i, item := range v.Single {
		switch {
		case item.Sequence != nil && item.Sequence.ID == "A":
			if texts++; texts > 1 {
				return nil, fmt.Errorf("%w: TemplateProcessing with the text more than once", ErrUnsupported)
			}
			t = append(t, templateItem{text: true})
		case item.SpecialToken != nil:
			special, ok := v.SpecialTokens[item.SpecialToken.ID]
			if !ok {
				return nil, fmt.Errorf("%w: TemplateProcessing: special token %q has no ids", ErrVocabulary, item.SpecialToken.ID)
			}
			if ids += len(special.IDs) + 1; ids > maxTemplate {
				return nil, fmt.Errorf("%w: TemplateProcessing of more than %d tokens", ErrLimit, maxTemplate)
			}
			t = append(t, templateItem{ids: special.IDs})
		default:
			return nil, fmt.Errorf("%w: TemplateProcessing: item %d of single is neither a token nor the text", ErrFormat, i)
		}
	}
	return t, nil
}

// longestDecoded bounds the texts that a decoder looks for: what may begin one is held back and looked at again for each token.
const longestDecoded = 256

// parseReplaceDecoder appends a decoder that replaces. Decoding has no errors, so whatever it may cost is bounded here: together these
// decoders make a text at most growthFactor times as long, and the patterns take linear time.
func (c *componentParser) parseReplaceDecoder(dst []decoderStep, p pattern, content string) ([]decoderStep, error) {
	shortest := 1
	switch p := p.(type) {
	case literal:
		if shortest = len(p); shortest > longestDecoded {
			return nil, fmt.Errorf("%w: decoder: it looks for a text of %d bytes", ErrLimit, shortest)
		}
	case *expression:
		if !p.linear() {
			return nil, fmt.Errorf("%w: decoder: a regular expression with look-arounds, atomic groups or repetitions of nothing", ErrUnsupported)
		}
	}
	if c.growth = max(c.growth, 1) * max((len(content)+shortest-1)/shortest, 1); c.growth > growthFactor {
		return nil, fmt.Errorf("%w: decoder: it makes texts more than %d times as long", ErrLimit, growthFactor)
	}
	return append(dst, replaceDecoder{p, content}), nil
}

// parseDecoder returns the decoders to apply one after the other.
func (c *componentParser) parseDecoder(data json.RawMessage) ([]decoderStep, error) {
	if absent(data) {
		return []decoderStep{joined}, nil
	}
	steps, err := c.parseDecoders(nil, data)
	if err != nil {
		return nil, err
	}
	one := false
	for i, step := range steps {
		if one {
			steps[i] = fused(step)
		}
		switch step.(type) {
		case fuseDecoder, byteLevelDecoder:
			one = true
		}
	}
	return steps, nil
}

func (c *componentParser) parseDecoders(dst []decoderStep, data json.RawMessage) ([]decoderStep, error) {
	const what = "decoder"
	if err := c.enter(what); err != nil {
		return nil, err
	}
	defer c.leave()
	name, err := typeOf(what, data)
	if err != nil {
		return nil, err
	}
	switch name {
	case "ByteLevel":
		return append(dst, byteLevelDecoder{}), nil
	case "ByteFallback":
		return append(dst, byteFallbackDecoder{}), nil
	case "Fuse":
		return append(dst, fuseDecoder{}), nil
	case "Sequence":
		v, err := read(what, data, struct{ Decoders []json.RawMessage }{})
		if err != nil {
			return nil, err
		}
		for _, part := range v.Decoders {
			if dst, err = c.parseDecoders(dst, part); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case "Strip":
		v, err := read(what, data, struct {
			Content     string
			Start, Stop int
		}{})
		if err != nil {
			return nil, err
		}
		r, n := utf8.DecodeRuneInString(v.Content)
		if n == 0 || n != len(v.Content) || v.Start < 0 || v.Stop < 0 {
			return nil, fmt.Errorf("%w: Strip: content %q, start %d, stop %d", ErrFormat, v.Content, v.Start, v.Stop)
		}
		return append(dst, stripDecoder{r, v.Start, v.Stop}), nil
	case "Replace":
		v, err := read(what, data, struct {
			Pattern patternJSON
			Content string
		}{})
		if err != nil {
			return nil, err
		}
		p, err := v.Pattern.compile()
		if err != nil {
			return nil, err
		}
		return c.parseReplaceDecoder(dst, p, v.Content)
	case "Metaspace":
		v, err := read(what, data, metaspaceJSON{})
		if err != nil {
			return nil, err
		}
		scheme, err := v.scheme()
		return append(dst, metaspaceDecoder(v.Replacement, scheme != prependNever)), err
	case "WordPiece":
		v, err := read(what, data, struct {
			Prefix  string
			Cleanup bool
		}{"##", true})
		return append(dst, wordPieceDecoder(v.Prefix, v.Cleanup)), err
	case "BPEDecoder":
		v, err := read(what, data, struct{ Suffix string }{"</w>"})
		return append(dst, suffixDecoder(v.Suffix)), err
	}
	return nil, unknownType(what, name)
}
