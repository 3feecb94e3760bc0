package tokenizer

import (
	"encoding/json"
	"fmt"
)

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
	name, err := c.enter(what, data)
	if err != nil {
		return nil, err
	}
	defer c.leave()
	one := func(p preTokenizer, err error) ([]preTokenizer, error) { return []preTokenizer{p}, err }
	switch name {
	case "Sequence":
		v, err := read(what, data, struct{ Pretokenizers []json.RawMessage }{})
		if err != nil {
			return nil, err
		}
		return inSequence(v.Pretokenizers, c.parsePreTokenizer)
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
