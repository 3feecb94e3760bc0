package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// settings are what the files beside a vocabulary say of it: tokenizer_config.json, special_tokens_map.json and added_tokens.json.
// Which of them counts is transformers' rule: where tokenizer_config.json has added_tokens_decoder, the other two are not asked.
type settings struct {
	class           string // tokenizer_class without "Fast"
	addBOS, addEOS  *bool
	addPrefixSpace  *bool
	legacy          *bool
	names           []string              // of the special tokens, in transformers' order
	special         map[string]addedToken // by name, such as "bos_token"
	extra           []addedToken          // special tokens without a name
	added           []addedToken          // by id
	chatTemplate    string
	namedTemplates  map[string]string // the others
	hasAddedDecoder bool
	wrap            bool // the file of the vocabulary does not say which tokens come around a text
}

// specialNames are the special tokens that every tokenizer may have.
var specialNames = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// readSettings reads those of the files that are there.
func readSettings(files Files) (*settings, error) {
	s := &settings{names: slices.Clone(specialNames), special: map[string]addedToken{}}
	for _, file := range []struct {
		name string
		read func(data []byte) error
	}{
		{"tokenizer_config.json", s.readConfig},
		{"special_tokens_map.json", s.readSpecialTokensMap},
		{"added_tokens.json", s.readAddedTokens},
	} {
		if s.hasAddedDecoder {
			break
		}
		data, err := optional(files, file.name)
		if err == nil && data != nil {
			err = file.read(data)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readConfig reads tokenizer_config.json.
func (s *settings) readConfig(data []byte) error {
	const file = "tokenizer_config.json"
	var v struct {
		AddBOS         *bool           `json:"add_bos_token"`
		AddEOS         *bool           `json:"add_eos_token"`
		AddPrefixSpace *bool           `json:"add_prefix_space"`
		Legacy         *bool           `json:"legacy"`
		Class          *string         `json:"tokenizer_class"`
		ChatTemplate   json.RawMessage `json:"chat_template"`
	}
	order, parts, err := readObject(file, data)
	if err != nil {
		return err
	}
	for _, field := range []struct {
		key string
		to  any
	}{{"add_bos_token", &v.AddBOS}, {"add_eos_token", &v.AddEOS}, {"add_prefix_space", &v.AddPrefixSpace}, {"legacy", &v.Legacy},
		{"tokenizer_class", &v.Class}, {"chat_template", &v.ChatTemplate}} {
		if part, ok := parts[field.key]; ok {
			if err := json.Unmarshal(part, field.to); err != nil {
				return fmt.Errorf("%w: %s: %s: %v", ErrFormat, file, field.key, err)
			}
		}
	}
	s.addBOS, s.addEOS, s.addPrefixSpace, s.legacy = v.AddBOS, v.AddEOS, v.AddPrefixSpace, v.Legacy
	if v.Class != nil {
		s.class = strings.TrimSuffix(*v.Class, "Fast")
	}
	if !absent(v.ChatTemplate) {
		if s.chatTemplate, s.namedTemplates, err = parseChatTemplate(v.ChatTemplate); err != nil {
			return err
		}
	}
	if err := s.readNamed(file, order, parts); err != nil {
		return err
	}
	part, ok := parts["added_tokens_decoder"]
	if s.hasAddedDecoder = ok && !absent(part); s.hasAddedDecoder {
		return s.readAddedDecoder(part)
	}
	return nil
}

// readSpecialTokensMap reads special_tokens_map.json, whose entries take the place of those in tokenizer_config.json.
func (s *settings) readSpecialTokensMap(data []byte) error {
	const file = "special_tokens_map.json"
	order, parts, err := readObject(file, data)
	if err != nil {
		return err
	}
	return s.readNamed(file, order, parts)
}

// readNamed takes the special tokens among the members of an object.
func (s *settings) readNamed(file string, order []string, parts map[string]json.RawMessage) error {
	for _, key := range order {
		part := parts[key]
		if !strings.HasSuffix(key, "_token") || absent(part) || part[0] != '"' && part[0] != '{' {
			continue // add_bos_token is no token
		}
		token, err := parseSpecialToken(part)
		if err != nil {
			return fmt.Errorf("%w: %s: %s: %v", ErrFormat, file, key, err)
		}
		s.name(key, token)
	}
	extra := parts["extra_special_tokens"]
	if absent(extra) || string(extra) == "[]" || string(extra) == "{}" {
		extra = parts["additional_special_tokens"]
	}
	switch {
	case absent(extra):
	case extra[0] == '{':
		order, parts, err := readObject(file, extra)
		if err != nil {
			return err
		}
		for _, key := range order {
			token, err := parseSpecialToken(parts[key])
			if err != nil {
				return fmt.Errorf("%w: %s: extra_special_tokens: %s: %v", ErrFormat, file, key, err)
			}
			s.name(key, token)
		}
	default:
		var list []json.RawMessage
		if err := json.Unmarshal(extra, &list); err != nil {
			return fmt.Errorf("%w: %s: special tokens: %v", ErrFormat, file, err)
		}
		for _, part := range list {
			token, err := parseSpecialToken(part)
			if err != nil {
				return fmt.Errorf("%w: %s: special tokens: %v", ErrFormat, file, err)
			}
			s.extra = append(s.extra, token)
		}
	}
	return nil
}

func (s *settings) name(key string, token addedToken) {
	if !slices.Contains(s.names, key) {
		s.names = append(s.names, key)
	}
	s.special[key] = token
}

// readAddedDecoder reads added_tokens_decoder: {"260": {"content": "<|im_start|>", ...}, ...}.
func (s *settings) readAddedDecoder(data []byte) error {
	const what = "tokenizer_config.json: added_tokens_decoder"
	order, parts, err := readObject(what, data)
	if err != nil {
		return err
	}
	for _, key := range order {
		id, err := strconv.Atoi(key)
		if err != nil {
			return fmt.Errorf("%w: %s: id %q", ErrFormat, what, key)
		}
		token, err := read(what, parts[key], addedTokenJSON{})
		if err != nil {
			return err
		}
		s.added = append(s.added, token.added(id))
	}
	s.sortAdded()
	return nil
}

// readAddedTokens reads added_tokens.json: {"<|im_start|>": 260, ...}.
func (s *settings) readAddedTokens(data []byte) error {
	const file = "added_tokens.json"
	order, parts, err := readObject(file, data)
	if err != nil {
		return err
	}
	special := map[string]bool{}
	for _, token := range s.special {
		special[token.content] = true
	}
	for _, token := range s.extra {
		special[token.content] = true
	}
	for _, content := range order {
		id, err := read(file, parts[content], 0)
		if err != nil {
			return err
		}
		s.added = append(s.added, addedToken{content: content, id: id, normalized: !special[content], special: special[content]})
	}
	s.sortAdded()
	return nil
}

func (s *settings) sortAdded() {
	sort.SliceStable(s.added, func(i, j int) bool { return s.added[i].id < s.added[j].id })
}

// parseSpecialToken reads "<s>" or {"content": "<s>", ...}.
func parseSpecialToken(data json.RawMessage) (addedToken, error) {
	var content string
	if json.Unmarshal(data, &content) == nil {
		return addedToken{content: content, special: true}, nil
	}
	var token addedTokenJSON
	err := json.Unmarshal(data, &token)
	token.Special = true
	return token.added(-1), err
}

// tokens returns the tokens to add to those that a vocabulary has already added.
func (s *settings) tokens(added []addedToken) []addedToken {
	known := map[string]bool{}
	for _, token := range added {
		known[token.content] = true
	}
	var more []addedToken
	named := map[string]bool{}
	for _, token := range s.special {
		named[token.content] = true
	}
	for _, token := range s.added {
		token.special = token.special || named[token.content]
		more = append(more, token)
		known[token.content] = true
	}
	add := func(token addedToken) {
		if !known[token.content] {
			known[token.content] = true
			more = append(more, token)
		}
	}
	for _, name := range s.names {
		if token, ok := s.special[name]; ok {
			add(token)
		}
	}
	for _, token := range s.extra {
		add(token)
	}
	return more
}

// complete gives the tokenizer the tokens that its vocabulary's file added and those that the settings name.
func (t *Tokenizer) complete(added []addedToken, s *settings) error {
	if err := t.addTokens(slices.Concat(added, s.tokens(added))); err != nil {
		return err
	}
	t.specialTokens = map[string]string{}
	for name, token := range s.special {
		t.specialTokens[name] = token.content
	}
	if id, ok := t.ID(t.specialTokens["bos_token"]); ok {
		t.bos = id
	}
	if id, ok := t.ID(t.specialTokens["eos_token"]); ok {
		t.eos = []int{id}
	}
	switch {
	case s.wrap, s.class == "LlamaTokenizer", s.class == "CodeLlamaTokenizer", s.class == "GemmaTokenizer": // transformers rewrites the post-processor of these
		var before, after []int
		if (s.addBOS == nil || *s.addBOS) && t.bos >= 0 {
			before = []int{t.bos}
		}
		if s.addEOS != nil && *s.addEOS {
			after = t.eos
		}
		t.post = []template{around(before, slices.Clone(after))}
	}
	t.chatTemplate, t.namedTemplates = s.chatTemplate, s.namedTemplates
	return t.checkPost()
}

// parseChatTemplate reads a template, or a list of named ones of which "default" is it.
func parseChatTemplate(data json.RawMessage) (template string, others map[string]string, err error) {
	if json.Unmarshal(data, &template) == nil {
		return template, nil, nil
	}
	var named []struct{ Name, Template string }
	if err := json.Unmarshal(data, &named); err != nil {
		return "", nil, fmt.Errorf("%w: chat_template: %v", ErrFormat, err)
	}
	others = map[string]string{}
	for _, n := range named {
		if n.Name == "default" {
			template = n.Template
		} else {
			others[n.Name] = n.Template
		}
	}
	return template, others, nil
}

// addStops adds the eos_token_id of generation_config.json or config.json, an id or a list of ids; in the latter, a model with
// several parts has it in text_config.
func (t *Tokenizer) addStops(file string, data []byte) error {
	parts, err := parseMembers(file, strictjson.FromPython(data))
	if err != nil {
		return err
	}
	if err := t.addStopIDs(file, parts["eos_token_id"]); err != nil {
		return err
	}
	text := parts["text_config"]
	if absent(text) {
		return nil
	}
	if parts, err = parseMembers(file+": text_config", text); err != nil {
		return err
	}
	return t.addStopIDs(file+": text_config", parts["eos_token_id"])
}

func (t *Tokenizer) addStopIDs(file string, data json.RawMessage) error {
	if absent(data) {
		return nil
	}
	var ids []int
	if json.Unmarshal(data, &ids) != nil {
		ids = []int{0}
		if err := json.Unmarshal(data, &ids[0]); err != nil {
			return fmt.Errorf("%w: %s: eos_token_id: %v", ErrFormat, file, err)
		}
	}
	for _, id := range ids {
		if id >= 0 && !slices.Contains(t.eos, id) {
			t.eos = append(t.eos, id)
		}
	}
	return nil
}
