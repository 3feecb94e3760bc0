package tokenizer

import "slices"

// ggufEnds sets the tokens around a text and those that end a generation.
func (t *Tokenizer) ggufEnds(meta GGUFVocabulary, addBOS bool) {
	if meta.AddBOS != nil && meta.Model != "gemma4" { // whose files of the first days say no
		addBOS = *meta.AddBOS
	}
	bos, eos := meta.BOS, meta.EOS
	if meta.Model == "llama" { // llama.cpp's defaults
		if one := 1; bos == nil && len(meta.Tokens) > one {
			bos = &one
		}
		if two := 2; eos == nil && len(meta.Tokens) > two {
			eos = &two
		}
	}
	var before, after []int
	if bos != nil {
		t.bos = *bos
		if addBOS {
			before = []int{t.bos}
		}
	}
	if eos != nil {
		t.eos = []int{*eos}
		if meta.AddEOS != nil && *meta.AddEOS {
			after = []int{*eos}
		}
	}
	t.post = []template{around(before, after)}
	t.specialTokens = map[string]string{}
	for name, id := range map[string]*int{"bos_token": bos, "eos_token": eos, "unk_token": meta.Unknown, "sep_token": meta.Separator,
		"pad_token": meta.Padding, "cls_token": meta.Class, "mask_token": meta.Mask} {
		if id != nil && *id >= 0 && *id < len(meta.Tokens) {
			t.specialTokens[name] = t.Token(*id)
		}
	}
	for _, id := range []*int{meta.EOT, meta.EOM} {
		if id != nil && !slices.Contains(t.eos, *id) {
			t.eos = append(t.eos, *id)
		}
	}
	for _, name := range ggufStops {
		if id, ok := t.added[name]; ok && !slices.Contains(t.eos, id) && !(name == harmonyEnd && t.harmony()) {
			t.eos = append(t.eos, id)
		}
	}
}

// ggufStops are tokens that end a text by their names, where they are no ordinary ones.
var ggufStops = []string{"<|eot_id|>", "<|eom_id|>", "<|im_end|>", harmonyEnd, "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
	"<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_utterance>", "<｜end▁of▁sentence｜>", "[e~[", "<eos>", "<turn|>", "<|tool_response>"}

// harmonyEnd ends a text, but in harmony's format, where it ends a message of several.
const harmonyEnd = "<|end|>"

// harmony tells whether the vocabulary is of that format, by tokens that end its texts.
func (t *Tokenizer) harmony() bool {
	has := func(name string) bool { _, ok := t.added[name]; return ok }
	return has("<|call|>") && has("<|return|>") || has("<|calls|>") && has("<|flush|>")
}
