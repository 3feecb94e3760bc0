package record

import (
	"errors"
	"testing"

	"github.com/helix-substrate/helix-substrate/receipt"
)

// TestAdjusterRefuses: what claims say is done to logits is looked at before it is done.
func TestAdjusterRefuses(t *testing.T) {
	for name, a := range map[string]*receipt.Adjustment{
		"a token below 0": {LogitBias: []receipt.TokenBias{{ID: -1, Bias: 1}}},
		"an excluded one": {LogitBias: []receipt.TokenBias{{ID: 5, Bias: 1}, {ID: -1 << 40, Bias: -100}}},
		"a form unknown":  {Form: receipt.NewForm("xml", "x")},
		"another's hash":  {Form: &receipt.Form{Kind: FormObject, SHA256: "0"}},
	} {
		if adjust, err := Adjuster(a, nil); adjust != nil || !errors.Is(err, receipt.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
