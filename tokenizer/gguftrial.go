package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

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

// tryCharacters compares with how a vocabulary of Gemma 4 cuts texts.
func (v *GGUFVocabulary) tryCharacters(t *Tokenizer) error {
	if !v.encodesAs(t, probes) {
		return fmt.Errorf("%w: a vocabulary of Gemma 4 in a GGUF file cuts texts in another way", ErrUnsupported)
	}
	return nil
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
	texts := v.everyToken(t)
	for _, v.Pre = range rest {
		if v.encodesAs(t, texts) {
			return nil
		}
	}
	return fmt.Errorf("%w: no pre-tokenizer of GGUF cuts texts as this one does", ErrUnsupported)
}

// everyToken are the probes, and the texts of all normal tokens, alone and between others.
func (v *GGUFVocabulary) everyToken(t *Tokenizer) []string {
	texts := slices.Clone(probes)
	for id := range v.Tokens {
		if v.Types[id] == NormalToken {
			text := t.Decode([]int{id})
			texts = append(texts, text, "a"+text+"1 ")
		}
	}
	return texts
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
