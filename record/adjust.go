package record

import (
	"fmt"
	"sync"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// The kinds of forms that claims have.
const (
	FormObject  = "json_object"
	FormSchema  = "json_schema"
	FormGrammar = "gbnf"

	FormComposed = "gbnf_schemas" // of grammar.Compose
)

// adjuster returns what adjusts the logits of one text, generate.Request.Adjust.
type adjuster func() func(drawn []int, logits []float32) error

// Adjuster returns what makes, for each text, the function that does to logits what claims say; nil for nothing. vocabulary is
// called for texts of a form, once. Errors are receipt.ErrInvalid, for a form that this program does not know among them, and those of package grammar.
func Adjuster(a *receipt.Adjustment, vocabulary func() *grammar.Vocabulary) (func() func(drawn []int, logits []float32) error, error) {
	if a == nil {
		return nil, nil
	}
	for _, b := range a.LogitBias {
		if b.ID < 0 {
			return nil, fmt.Errorf("logit_bias of the token %d: %w", b.ID, receipt.ErrInvalid)
		}
	}
	bias := &generate.Bias{Tokens: a.Tokens(), Presence: a.PresencePenalty, Frequency: a.FrequencyPenalty}
	if a.Form == nil {
		return func() func([]int, []float32) error { return bias.Adjust }, nil
	}
	form, err := parseForm(a.Form)
	if err != nil {
		return nil, err
	}
	return Adjusted(bias, form, sync.OnceValue(vocabulary)), nil
}

// Adjusted makes, for each text, a function that changes logits by a bias and then excludes what no text of a form goes on with.
// The vocabulary is asked for with the first token.
func Adjusted(bias *generate.Bias, form *grammar.Grammar, vocabulary func() *grammar.Vocabulary) func() func(drawn []int, logits []float32) error {
	return func() func([]int, []float32) error {
		var m *grammar.Matcher // once the text has a place
		return func(drawn []int, logits []float32) error {
			if m == nil {
				m = form.Match(vocabulary())
			}
			if err := bias.Adjust(drawn, logits); err != nil {
				return err
			}
			return m.Adjust(drawn, logits)
		}
	}
}

// parseForm reads the form of claims.
func parseForm(f *receipt.Form) (*grammar.Grammar, error) {
	if want := receipt.NewForm(f.Kind, f.Source); want.SHA256 != f.SHA256 {
		return nil, fmt.Errorf("the form's source has sha256 %s, not %.64s: %w", want.SHA256, f.SHA256, receipt.ErrInvalid)
	}
	switch f.Kind {
	case FormObject:
		return grammar.Object(), nil
	case FormSchema:
		return grammar.Schema([]byte(f.Source))
	case FormGrammar:
		return grammar.Parse(f.Source)
	case FormComposed:
		return grammar.Composed(f.Source)
	}
	return nil, fmt.Errorf("texts of the form %.40q cannot be made again by this program: %w", f.Kind, receipt.ErrInvalid)
}
