package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

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
	name, err := c.enter(what, data)
	if err != nil {
		return nil, err
	}
	defer c.leave()
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
