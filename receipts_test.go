package helix_test

import (
	"encoding/json"
	"errors"
	"testing"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
)

// replay does again what a receipt says, on its own.
func replay(t *testing.T, what string, e *receipt.Execution) {
	t.Helper()
	if e == nil {
		t.Fatalf("%s: no receipt", what)
	}
	if _, err := record.Replay(t.Context(), e, record.ReplayOptions{Name: what}); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// TestReceipts: what a text's receipt claims comes out again elsewhere, whatever the model
// knew from other texts, and however it ended.
func TestReceipts(t *testing.T) {
	path := checkpoint(t)
	m := open(t, path, helix.ModelOptions{Context: 96})
	var r helix.Result
	o := helix.GenerateOptions{MaxTokens: 14, Temperature: 0.9, RepeatPenalty: 1.2, Seed: 3, Result: &r, Receipt: true}
	must(t, m.Generate(t.Context(), opening, o))
	whole := r.Receipt
	replay(t, "a text", whole)
	must(t, m.Generate(t.Context(), opening, o))
	if r.KeptTokens == 0 || r.Receipt.ClaimsSHA256 != whole.ClaimsSHA256 {
		t.Errorf("the same text, known already, has other claims: %+v", r)
	}
	stopped := o
	stopped.Stop = []string{r.Text[8:12]}
	must(t, m.Generate(t.Context(), opening, stopped))
	if r.Stop != generate.StopToken {
		t.Errorf("%+v", r)
	}
	replay(t, "a text up to a stop text", r.Receipt)
	for range m.Generate(t.Context(), opening+" dog", o) {
		break
	}
	replay(t, "a text that was broken off", r.Receipt)

	c, err := m.NewConversation(helix.ChatOptions{GenerateOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range []string{"Tell me a story.", "And then?", "Was it a dog?", "The end."} {
		if i == 2 {
			must(t, m.Generate(t.Context(), "Tom", helix.GenerateOptions{MaxTokens: 2})) // forgets it
		}
		must(t, c.Say(t.Context(), line))
	}
	replay(t, "a conversation", r.Receipt)
	var claims receipt.GenerationClaims
	if err := json.Unmarshal(r.Receipt.Claims, &claims); err != nil {
		t.Fatal(err)
	}
	if len(claims.Turns) != 4 || claims.Turns[1].Keep == 0 {
		t.Errorf("%+v", claims.Turns)
	}
	if _, err := read(m.Generate(t.Context(), opening, helix.GenerateOptions{Receipt: true})); !errors.Is(err, generate.ErrOption) {
		t.Errorf("a receipt for nobody: %v", err)
	}
}
