package tokenizer

import (
	"encoding/json"
)

func (c *componentParser) parseNormalizer(data json.RawMessage) (normalizer, error) {
	const what = "normalizer"
	if absent(data) {
		return nil, nil
	}
	name, err := c.enter(what, data)
	if err != nil {
		return nil, err
	}
	defer c.leave()
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
