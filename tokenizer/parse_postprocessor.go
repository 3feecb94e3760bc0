package tokenizer

import (
	"encoding/json"
	"fmt"
)

// parsePostProcessor returns the templates to apply one after the other.
func (c *componentParser) parsePostProcessor(data json.RawMessage) ([]template, error) {
	const what = "post_processor"
	if absent(data) {
		return nil, nil
	}
	name, err := c.enter(what, data)
	if err != nil {
		return nil, err
	}
	defer c.leave()
	switch name {
	case "ByteLevel": // it only moves offsets
		return nil, nil
	case "Sequence":
		v, err := read(what, data, struct{ Processors []json.RawMessage }{})
		if err != nil {
			return nil, err
		}
		return inSequence(v.Processors, c.parsePostProcessor)
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
