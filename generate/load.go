package generate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// OpenTokenizer opens the tokenizer of a model directory, a Hugging Face directory
// or a GGUF file.
func OpenTokenizer(path string) (*tokenizer.Tokenizer, error) {
	file, err := tokenizerFile(path)
	if err != nil {
		return nil, err
	}
	if slices.Contains(tokenizer.VocabularyFiles, filepath.Base(file)) {
		return tokenizer.Open(path)
	}
	return openGGUF(file)
}

// tokenizerFile returns the file that holds a model's tokenizer: in a directory,
// one of tokenizer.VocabularyFiles or the metadata of the GGUF file that it was converted
// from.
func tokenizerFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return path, err
	}
	metadata := filepath.Join(path, model.MetadataName)
	if _, err := os.Stat(metadata); err == nil {
		return metadata, nil
	}
	for _, name := range tokenizer.VocabularyFiles {
		file := filepath.Join(path, name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return filepath.Join(path, tokenizer.VocabularyFiles[0]), nil
}

// openGGUF opens the tokenizer in a GGUF file.
func openGGUF(path string) (*tokenizer.Tokenizer, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := fromGGUF(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// fromGGUF reads the vocabulary in a GGUF file's metadata. Keys that are absent
// leave their fields empty.
func fromGGUF(f *gguf.File) (*tokenizer.Tokenizer, error) {
	const prefix = "tokenizer.ggml."
	var v tokenizer.GGUFVocabulary
	var errs []error
	note := func(err error) bool {
		if err != nil && !errors.Is(err, gguf.ErrNoKey) {
			errs = append(errs, err)
		}
		return err == nil
	}
	var err error
	if v.Model, err = f.String(prefix + "model"); err != nil {
		return nil, err
	}
	if v.Tokens, err = f.Strings(prefix + "tokens"); err != nil {
		return nil, err
	}
	v.Name, err = f.String("general.name")
	note(err)
	v.Pre, err = f.String(prefix + "pre")
	note(err)
	v.Scores, err = f.Floats32(prefix + "scores")
	note(err)
	v.Merges, err = f.Strings(prefix + "merges")
	note(err)
	v.ChatTemplate, err = f.String("tokenizer.chat_template")
	note(err)
	if types, err := f.Ints(prefix + "token_type"); note(err) {
		v.Types = make([]tokenizer.TokenType, len(types))
		for i, t := range types {
			v.Types[i] = tokenizer.TokenType(t)
		}
	}
	for _, id := range []struct {
		key string
		to  **int
	}{{"bos_token_id", &v.BOS}, {"eos_token_id", &v.EOS}, {"eot_token_id", &v.EOT}, {"eom_token_id", &v.EOM}, {"unknown_token_id", &v.Unknown},
		{"seperator_token_id", &v.Separator}, {"padding_token_id", &v.Padding}, {"cls_token_id", &v.Class}, {"mask_token_id", &v.Mask}} {
		// An id beyond the vocabulary, such as 2^32-1, is none, as llama.cpp has it.
		if n, err := f.Uint(prefix + id.key); note(err) && n < uint64(len(v.Tokens)) {
			value := int(n)
			*id.to = &value
		}
	}
	for _, flag := range []struct {
		key string
		to  **bool
	}{{"add_bos_token", &v.AddBOS}, {"add_eos_token", &v.AddEOS}, {"add_space_prefix", &v.AddSpacePrefix}} {
		if b, err := f.Bool(prefix + flag.key); note(err) {
			*flag.to = &b
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return tokenizer.FromGGUF(v)
}
