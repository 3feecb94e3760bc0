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

// enter counts a component and returns its type; the caller leaves it when its parts are read.
func (c *componentParser) enter(what string, data json.RawMessage) (string, error) {
	if c.components >= maxComponents || c.depth >= maxDepth {
		return "", fmt.Errorf("%w: %s: more than %d components, or nested deeper than %d", ErrLimit, what, maxComponents, maxDepth)
	}
	name, err := typeOf(what, data)
	if err == nil {
		c.components++
		c.depth++
	}
	return name, err
}

func (c *componentParser) leave() { c.depth-- }

// inSequence reads parts that are applied one after the other.
func inSequence[T any](parts []json.RawMessage, parse func(json.RawMessage) ([]T, error)) ([]T, error) {
	var all []T
	for _, part := range parts {
		list, err := parse(part)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

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
