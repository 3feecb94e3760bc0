package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// shared is where the maintainers have golden data and models.
const shared = "../../shared"

func openShared(t *testing.T, name string) *Tokenizer {
	t.Helper()
	dir := filepath.Join(shared, "models", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no golden data: %v", err)
	}
	tok, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestGoldenTinyStories(t *testing.T) {
	tok := openShared(t, "tinystories-656k")
	var golden []struct {
		Text, Decoded string
		IDs           []int
		Plain         []int `json:"ids_no_special"`
	}
	readJSON(t, filepath.Join(shared, "golden/tokenizer/tinystories-656k.json"), &golden)
	for _, g := range golden {
		if ids := encode(t, tok, g.Text, true); !slices.Equal(ids, g.IDs) {
			t.Errorf("%q: got %v, want %v", g.Text, ids, g.IDs)
		}
		if ids := encode(t, tok, g.Text, false); !slices.Equal(ids, g.Plain) {
			t.Errorf("%q without special tokens: got %v, want %v", g.Text, ids, g.Plain)
		}
		if text := tok.Decode(g.Plain); text != g.Decoded {
			t.Errorf("%q: decoded %q, want %q", g.Text, text, g.Decoded)
		}
		checkStream(t, tok, g.IDs)
	}
	if len(golden) < 10 {
		t.Errorf("only %d golden texts", len(golden))
	}
	checkEnds(t, tok, 1, []int{2})
}

func TestGoldenHelixDemo(t *testing.T) {
	tok := openShared(t, "helix-demo")
	var golden struct {
		Text, Prompt string
		IDs          []int
		PromptIDs    []int  `json:"prompt_ids"`
		GreedyIDs    []int  `json:"greedy_ids"`
		GreedyText   string `json:"greedy_text"`
	}
	readJSON(t, filepath.Join(shared, "models/helix-demo/golden.json"), &golden)
	if ids := encode(t, tok, golden.Text, true); !slices.Equal(ids, golden.IDs) {
		t.Errorf("text: got %v, want %v", ids, golden.IDs)
	}
	if ids := encode(t, tok, golden.Prompt, true); !slices.Equal(ids, golden.PromptIDs) {
		t.Errorf("prompt: got %v, want %v", ids, golden.PromptIDs)
	}
	if text := tok.DecodeSkip(golden.IDs, true); text != golden.Text {
		t.Errorf("got %q, want %q", text, golden.Text)
	}
	checkStream(t, tok, golden.GreedyIDs)
	checkEnds(t, tok, 0, []int{1})
}

func checkEnds(t *testing.T, tok *Tokenizer, bos int, eos []int) {
	t.Helper()
	if id, ok := tok.BOS(); !ok || id != bos {
		t.Errorf("BOS is %d %v, want %d", id, ok, bos)
	}
	if ids := tok.EOS(); !slices.Equal(ids, eos) {
		t.Errorf("EOS is %v, want %v", ids, eos)
	}
}
