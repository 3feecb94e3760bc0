package receipt

import (
	"maps"
	"slices"
)

// Adjustment says how the model's logits were changed before tokens were drawn: see generate.Bias, and package grammar. Hashes
// of logits are of those before.
type Adjustment struct {
	LogitBias        []TokenBias `json:"logit_bias,omitempty"` // the smaller token first
	PresencePenalty  float32     `json:"presence_penalty,omitempty"`
	FrequencyPenalty float32     `json:"frequency_penalty,omitempty"`
	Form             *Form       `json:"form,omitempty"`
}

// TokenBias is what was added to a token's logit; -100 excludes it.
type TokenBias struct {
	ID   int     `json:"id"`
	Bias float32 `json:"bias"`
}

// Form is what every text had to be one of.
type Form struct {
	Kind   string `json:"kind"`             // "json_object", "json_schema", "gbnf" or "gbnf_schemas"
	SHA256 string `json:"sha256"`           // of the source's UTF-8
	Source string `json:"source,omitempty"` // the schema or the grammar; left out where claims are private
}

// NewForm returns the form that a source of this kind says.
func NewForm(kind, source string) *Form { return &Form{kind, sum([]byte(source)), source} }

// Biases lists what was added to tokens.
func Biases(tokens map[int]float32) []TokenBias {
	var list []TokenBias
	for _, id := range slices.Sorted(maps.Keys(tokens)) {
		list = append(list, TokenBias{id, tokens[id]})
	}
	return list
}

// Tokens is the map that Biases lists.
func (a *Adjustment) Tokens() map[int]float32 {
	tokens := make(map[int]float32, len(a.LogitBias))
	for _, b := range a.LogitBias {
		tokens[b.ID] = b.Bias
	}
	return tokens
}

// private is the adjustment without what only its hash is shown of.
func (a *Adjustment) private() *Adjustment {
	if a == nil || a.Form == nil {
		return a
	}
	hidden := *a
	hidden.Form = &Form{Kind: a.Form.Kind, SHA256: a.Form.SHA256}
	return &hidden
}
