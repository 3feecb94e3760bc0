package generate_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/export"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/converttest"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/tokenizer"
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
	tok, err := generate.OpenTokenizer(path)
	if err != nil {
		t.Fatal(err)
	}
	if tok.VocabSize() != 4 {
		t.Errorf("%d tokens, want 4", tok.VocabSize())
	}
}

// TestLargeVocabulary: one that is too long to be read with the rest of the metadata is
// there for the tokenizer and for the export of a model directory that came from GGUF.
func TestLargeVocabulary(t *testing.T) {
	const n = 20_000
	tokens, scores := []string{"<unk>", "<s>", "</s>"}, make([]float32, n)
	for len(tokens) < n {
		tokens = append(tokens, fmt.Sprintf("token%d", len(tokens)))
	}
	dir := t.TempDir()
	path, out := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "model")
	err := gguf.Create(path, []gguf.Entry{{Name: "token_embd.weight", Type: gguf.F32, Shape: []int{8, 32}, Data: make([]byte, 4*8*32)}}, []gguf.Pair{
		{Key: "general.architecture", Value: "llama"}, {Key: "tokenizer.ggml.model", Value: "llama"},
		{Key: "tokenizer.ggml.tokens", Value: tokens}, {Key: "tokenizer.ggml.scores", Value: scores},
	})
	if err != nil {
		t.Fatal(err)
	}
	converttest.To(t, path, out)
	for _, where := range []string{path, out} {
		tok, err := generate.OpenTokenizer(where)
		if err != nil {
			t.Fatal(err)
		}
		if tok.VocabSize() != n || tok.Token(n-1) != tokens[n-1] {
			t.Errorf("%s: %d tokens, the last %q", where, tok.VocabSize(), tok.Token(n-1))
		}
	}
	again := filepath.Join(dir, "again.gguf")
	if _, err := export.File(t.Context(), out, again, export.Options{}); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(again)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := f.Strings("tokenizer.ggml.tokens"); err != nil || !slices.Equal(got, tokens) {
		t.Errorf("exported: %d tokens, %v", len(got), err)
	}
}

// TestTooLargeTokenizer: a file beyond the limit is ErrTooLarge of package tokenizer, in a
// checkpoint and in a model directory.
func TestTooLargeTokenizer(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"checkpoint", "model"} {
		at := filepath.Join(dir, name)
		if err := os.Mkdir(at, 0o777); err != nil {
			t.Fatal(err)
		}
		if name == "model" {
			if err := os.WriteFile(filepath.Join(at, "manifest.json"), []byte(`{"tensors": {}}`), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(at, "tokenizer.json")
		if err := errors.Join(os.WriteFile(file, nil, 0o666), os.Truncate(file, tokenizer.MaxFileSize+1)); err != nil {
			t.Fatal(err)
		}
		if _, err := generate.OpenTokenizer(at); !errors.Is(err, tokenizer.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
