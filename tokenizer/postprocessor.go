package tokenizer

// template puts tokens around a text (TemplateProcessing, for a single text).
type template []templateItem

// templateItem is the text, or else fixed ids.
type templateItem struct {
	text bool
	ids  []int
}

// around returns the template that puts ids before and after a text.
func around(before, after []int) template {
	return template{{ids: before}, {text: true}, {ids: after}}
}

// apply returns the ids of the text with the template's around them.
func (t template) apply(text []int) []int {
	var out []int
	for _, item := range t {
		if item.text {
			out = append(out, text...)
		} else {
			out = append(out, item.ids...)
		}
	}
	if out == nil {
		return []int{}
	}
	return out
}
