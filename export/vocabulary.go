package export

import (
	"maps"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// describeVocabulary says what the tokenizer's files say.
func describeVocabulary(v *tokenizer.GGUFVocabulary) []gguf.Pair {
	const prefix = "tokenizer.ggml."
	types := make([]int32, len(v.Types))
	for i, t := range v.Types {
		types[i] = int32(t)
	}
	pairs := []gguf.Pair{{Key: prefix + "model", Value: v.Model}, {Key: prefix + "tokens", Value: v.Tokens}, {Key: prefix + "token_type", Value: types}}
	add := func(key string, value any) { pairs = append(pairs, gguf.Pair{Key: key, Value: value}) }
	if v.Pre != "" {
		add(prefix+"pre", v.Pre)
	}
	if v.Scores != nil {
		add(prefix+"scores", v.Scores)
	}
	if v.Merges != nil {
		add(prefix+"merges", v.Merges)
	}
	for _, id := range []struct {
		key string
		id  *int
	}{
		{"bos_token_id", v.BOS}, {"eos_token_id", v.EOS}, {"eot_token_id", v.EOT}, {"eom_token_id", v.EOM}, {"unknown_token_id", v.Unknown},
		{"seperator_token_id", v.Separator}, // as GGUF spells it
		{"padding_token_id", v.Padding}, {"cls_token_id", v.Class}, {"mask_token_id", v.Mask},
	} {
		if id.id != nil {
			add(prefix+id.key, uint32(*id.id))
		}
	}
	for _, flag := range []struct {
		key  string
		flag *bool
	}{{"add_bos_token", v.AddBOS}, {"add_eos_token", v.AddEOS}, {"add_space_prefix", v.AddSpacePrefix}} {
		if flag.flag != nil {
			add(prefix+flag.key, *flag.flag)
		}
	}
	if v.ChatTemplate != "" {
		add("tokenizer.chat_template", v.ChatTemplate)
	}
	if names := slices.Sorted(maps.Keys(v.NamedTemplates)); len(names) > 0 {
		add("tokenizer.chat_templates", names)
		for _, name := range names {
			add("tokenizer.chat_template."+name, v.NamedTemplates[name])
		}
	}
	return pairs
}
