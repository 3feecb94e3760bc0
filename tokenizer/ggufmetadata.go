package tokenizer

import (
	"errors"
	"iter"
	"maps"
	"slices"
)

// GGUFMetadata are the keys and values of a GGUF file. A getter fails where the value is not
// of its kind, and where there is none.
type GGUFMetadata interface {
	Has(key string) bool
	String(key string) (string, error)
	Strings(key string) ([]string, error)
	Floats32(key string) ([]float32, error)
	Ints(key string) ([]int64, error)
	Uint(key string) (uint64, error)
	Bool(key string) (bool, error)
}

const ggufPrefix = "tokenizer.ggml."

// ggufIDs and ggufFlags are GGUF's keys of single tokens and of what is switched on.
var (
	ggufIDs = []struct {
		key   string
		field func(v *GGUFVocabulary) **int
	}{
		{"bos_token_id", func(v *GGUFVocabulary) **int { return &v.BOS }},
		{"eos_token_id", func(v *GGUFVocabulary) **int { return &v.EOS }},
		{"eot_token_id", func(v *GGUFVocabulary) **int { return &v.EOT }},
		{"eom_token_id", func(v *GGUFVocabulary) **int { return &v.EOM }},
		{"unknown_token_id", func(v *GGUFVocabulary) **int { return &v.Unknown }},
		{"seperator_token_id", func(v *GGUFVocabulary) **int { return &v.Separator }}, // as GGUF spells it
		{"padding_token_id", func(v *GGUFVocabulary) **int { return &v.Padding }},
		{"cls_token_id", func(v *GGUFVocabulary) **int { return &v.Class }},
		{"mask_token_id", func(v *GGUFVocabulary) **int { return &v.Mask }},
	}
	ggufFlags = []struct {
		key   string
		field func(v *GGUFVocabulary) **bool
	}{
		{"add_bos_token", func(v *GGUFVocabulary) **bool { return &v.AddBOS }},
		{"add_eos_token", func(v *GGUFVocabulary) **bool { return &v.AddEOS }},
		{"add_space_prefix", func(v *GGUFVocabulary) **bool { return &v.AddSpacePrefix }},
	}
)

// ReadGGUF reads the vocabulary in a GGUF file's metadata, for FromGGUF. Keys that are absent
// leave their fields empty, but for the model and the tokens. Errors are those of reading.
func ReadGGUF(m GGUFMetadata) (v GGUFVocabulary, err error) {
	if v.Model, err = m.String(ggufPrefix + "model"); err != nil {
		return v, err
	}
	if v.Tokens, err = m.Strings(ggufPrefix + "tokens"); err != nil {
		return v, err
	}
	var errs []error
	errs = append(errs, readKey(m, "general.name", m.String, &v.Name), readKey(m, ggufPrefix+"pre", m.String, &v.Pre),
		readKey(m, ggufPrefix+"scores", m.Floats32, &v.Scores), readKey(m, ggufPrefix+"merges", m.Strings, &v.Merges),
		readKey(m, "tokenizer.chat_template", m.String, &v.ChatTemplate))
	var types []int64
	errs = append(errs, readKey(m, ggufPrefix+"token_type", m.Ints, &types))
	if types != nil {
		v.Types = make([]TokenType, len(types))
	}
	for i, t := range types {
		v.Types[i] = TokenType(t)
	}
	for _, k := range ggufIDs {
		id := uint64(len(v.Tokens)) // one beyond the vocabulary, such as 2^32-1, is none, as llama.cpp has it
		errs = append(errs, readKey(m, ggufPrefix+k.key, m.Uint, &id))
		if id < uint64(len(v.Tokens)) {
			n := int(id)
			*k.field(&v) = &n
		}
	}
	for _, k := range ggufFlags {
		if key := ggufPrefix + k.key; m.Has(key) {
			*k.field(&v) = new(bool)
			errs = append(errs, readKey(m, key, m.Bool, *k.field(&v)))
		}
	}
	return v, errors.Join(errs...)
}

// readKey reads a key that may be absent.
func readKey[T any](m GGUFMetadata, key string, get func(string) (T, error), to *T) error {
	if !m.Has(key) {
		return nil
	}
	value, err := get(key)
	if err == nil {
		*to = value
	}
	return err
}

// Metadata yields the keys that say this vocabulary, and their values: string, []string,
// []float32, []int32, uint32 or bool.
func (v *GGUFVocabulary) Metadata() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		more := true
		add := func(key string, value any, is bool) { more = more && (!is || yield(key, value)) }
		types := make([]int32, len(v.Types))
		for i, t := range v.Types {
			types[i] = int32(t)
		}
		add(ggufPrefix+"model", v.Model, true)
		add(ggufPrefix+"tokens", v.Tokens, true)
		add(ggufPrefix+"token_type", types, true)
		add(ggufPrefix+"pre", v.Pre, v.Pre != "")
		add(ggufPrefix+"scores", v.Scores, v.Scores != nil)
		add(ggufPrefix+"merges", v.Merges, v.Merges != nil)
		for _, k := range ggufIDs {
			if id := *k.field(v); id != nil {
				add(ggufPrefix+k.key, uint32(*id), true)
			}
		}
		for _, k := range ggufFlags {
			if flag := *k.field(v); flag != nil {
				add(ggufPrefix+k.key, *flag, true)
			}
		}
		add("tokenizer.chat_template", v.ChatTemplate, v.ChatTemplate != "")
		names := slices.Sorted(maps.Keys(v.NamedTemplates))
		add("tokenizer.chat_templates", names, len(names) > 0)
		for _, name := range names {
			add("tokenizer.chat_template."+name, v.NamedTemplates[name], true)
		}
	}
}
