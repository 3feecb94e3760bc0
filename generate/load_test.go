package generate

import (
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// TestSpecialBeyondVocabulary: ids of special tokens that no token has are none.
func TestSpecialBeyondVocabulary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	const prefix = "tokenizer.ggml."
	err := gguf.Create(path, nil, []gguf.Pair{
		{Key: prefix + "model", Value: "llama"}, {Key: prefix + "tokens", Value: []string{"<unk>", "<s>", "</s>", "a"}},
		{Key: prefix + "scores", Value: []float32{0, 0, 0, -1}}, {Key: prefix + "token_type", Value: []int32{2, 3, 3, 1}},
		{Key: prefix + "bos_token_id", Value: uint32(4)}, {Key: prefix + "eos_token_id", Value: uint32(1<<32 - 1)}, {Key: prefix + "unknown_token_id", Value: uint32(0)},
	})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := OpenTokenizer(path)
	if err != nil {
		t.Fatal(err)
	}
	if tok.VocabSize() != 4 {
		t.Errorf("%d tokens, want 4", tok.VocabSize())
	}
}
