package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MaxFileSize is the largest file that is read, in bytes.
const MaxFileSize = 256 << 20

// Open reads the tokenizer in a model directory, or of the tokenizer.json at the path. Files beside it say the rest, where they are:
// tokenizer_config.json and special_tokens_map.json (which tokens begin and end a text), generation_config.json (all tokens that end
// a generation) and chat_template.jinja.
func Open(path string) (*Tokenizer, error) {
	file := path
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.IsDir() {
		file = filepath.Join(path, "tokenizer.json")
	}
	data, err := readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if err != nil {
		return nil, err
	}
	t, err := parseTokenizer(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, beside := range []struct {
		name  string
		apply func([]byte) error
	}{
		{"special_tokens_map.json", t.applySpecialTokens},
		{"tokenizer_config.json", t.applyConfig},
		{"generation_config.json", t.applyGeneration},
		{"chat_template.jinja", func(data []byte) error { t.chatTemplate = validUTF8(string(data)); return nil }},
	} {
		file := filepath.Join(filepath.Dir(file), beside.name)
		data, err := readFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = beside.apply(data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return t, nil
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxFileSize {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrTooLarge, name, info.Size())
	}
	return os.ReadFile(name)
}

// tokenName is a token in a configuration: "<s>" or {"content": "<s>", ...}.
type tokenName string

func (n *tokenName) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*n = tokenName(s)
		return nil
	}
	var token struct{ Content string }
	err := json.Unmarshal(data, &token)
	*n = tokenName(token.Content)
	return err
}

// bosAndEOS are in tokenizer_config.json and special_tokens_map.json.
type bosAndEOS struct {
	BOS *tokenName `json:"bos_token"`
	EOS *tokenName `json:"eos_token"`
}

func (t *Tokenizer) applySpecialTokens(data []byte) error {
	var v bosAndEOS
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("%w: special_tokens_map.json: %v", ErrFormat, err)
	}
	t.setEnds(v)
	return nil
}

func (t *Tokenizer) setEnds(v bosAndEOS) {
	if v.BOS != nil {
		if id, ok := t.ID(string(*v.BOS)); ok {
			t.bos = id
		}
	}
	if v.EOS != nil {
		if id, ok := t.ID(string(*v.EOS)); ok {
			t.eos = []int{id}
		}
	}
}

// applyConfig reads tokenizer_config.json.
func (t *Tokenizer) applyConfig(data []byte) error {
	var v struct {
		bosAndEOS
		AddBOS       *bool           `json:"add_bos_token"`
		AddEOS       *bool           `json:"add_eos_token"`
		Class        string          `json:"tokenizer_class"`
		ChatTemplate json.RawMessage `json:"chat_template"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("%w: tokenizer_config.json: %v", ErrFormat, err)
	}
	t.setEnds(v.bosAndEOS)
	switch strings.TrimSuffix(v.Class, "Fast") {
	case "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer": // transformers rewrites the post-processor of these
		var before, after []int
		if (v.AddBOS == nil || *v.AddBOS) && t.bos >= 0 {
			before = []int{t.bos}
		}
		if v.AddEOS != nil && *v.AddEOS {
			after = t.eos
		}
		t.post = []template{around(before, slices.Clone(after))}
	}
	if !absent(v.ChatTemplate) {
		template, err := parseChatTemplate(v.ChatTemplate)
		if err != nil {
			return err
		}
		t.chatTemplate = template
	}
	return nil
}

// parseChatTemplate reads a template, or a list of named ones of which "default" is it.
func parseChatTemplate(data json.RawMessage) (string, error) {
	var template string
	if json.Unmarshal(data, &template) == nil {
		return template, nil
	}
	var named []struct{ Name, Template string }
	if err := json.Unmarshal(data, &named); err != nil {
		return "", fmt.Errorf("%w: chat_template: %v", ErrFormat, err)
	}
	for _, n := range named {
		if n.Name == "default" {
			return n.Template, nil
		}
	}
	return "", nil
}

// applyGeneration reads generation_config.json, whose eos_token_id is an id or a list of ids.
func (t *Tokenizer) applyGeneration(data []byte) error {
	var v struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("%w: generation_config.json: %v", ErrFormat, err)
	}
	if absent(v.EOS) {
		return nil
	}
	var ids []int
	if json.Unmarshal(v.EOS, &ids) != nil {
		ids = []int{0}
		if err := json.Unmarshal(v.EOS, &ids[0]); err != nil {
			return fmt.Errorf("%w: generation_config.json: eos_token_id: %v", ErrFormat, err)
		}
	}
	for _, id := range ids {
		if id >= 0 && !slices.Contains(t.eos, id) {
			t.eos = append(t.eos, id)
		}
	}
	return nil
}
