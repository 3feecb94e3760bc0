package calibrate

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/calibrate/text"
)

// mixture is a fixture with experts and a tokenizer of letters.
func mixture(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range map[string]string{"config.json": "qwen2_moe/config.json", "model.safetensors": "qwen2_moe/model.safetensors"} {
		if err := os.WriteFile(filepath.Join(dir, name), readFile(t, "../transformer/testdata/fixtures/"+from), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const tokenizer = `{"added_tokens": [], "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "decoder": {"type": "ByteLevel"},
		"model": {"type": "BPE", "merges": [], "vocab": {"Ġ": 0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7}}}`
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(tokenizer), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestExpertsCalibrated: what experts are multiplied by is summed over all tokens and the experts that
// they got. (That it does not matter how many tokens go together, transformer.TestLayersAreTheModel tells.)
func TestExpertsCalibrated(t *testing.T) {
	dir := mixture(t)
	var b strings.Builder
	for i := 0; b.Len() < 1200; i++ {
		b.WriteByte("a bcd efg"[i*i*7%11%9])
	}
	o := Options{Text: []text.Section{{Text: b.String()}}, Tokens: 1024, Context: 64}
	want := statistics(t, dir, o)
	o.Threads = 1
	if got := statistics(t, dir, o); !bytes.Equal(got, want) {
		t.Error("other statistics with one thread")
	}
	s := opened(t, want)
	use := s.ExpertUse()
	if use == nil || use.Tokens != 16*64 || use.Check(2, 5) != nil {
		t.Fatalf("uses of experts: %+v", use)
	}
	for l, uses := range use.Uses {
		sum := int64(0)
		for _, n := range uses {
			sum += n
		}
		if sum != 3*use.Tokens {
			t.Errorf("layer %d: %v are %d uses of %d tokens, want 3 a token", l, uses, sum, use.Tokens)
		}
	}
	for name, c := range map[string]struct{ n, each int }{
		"mlp.experts.gate_proj.weight": {28, 1}, "mlp.experts.up_proj.weight": {28, 1}, "mlp.shared_expert.up_proj.weight": {28, 1},
		"mlp.experts.down_proj.weight": {13, 3}, "mlp.shared_expert.down_proj.weight": {17, 1},
	} {
		in, ok := s.For("model.layers.1." + name)
		if !ok || in.N != c.n || in.Tokens != int64(c.each)*14*64 { // two of sixteen windows are held out
			t.Errorf("%s: %v, %+v", name, ok, in)
			continue
		}
		gram := make([]float32, in.N*(in.N+1)/2)
		if err := s.Gram(t.Context(), gram, in.Key); err != nil || !(gram[0] > 0) {
			t.Errorf("%s: %v, %v", name, gram[0], err)
		}
	}
}
