package generate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// OpenTokenizer opens the tokenizer of a model directory, a Hugging Face directory, a
// file of weights in one, or a GGUF file.
func OpenTokenizer(path string) (*tokenizer.Tokenizer, error) {
	path, err := checkpoint.Locate(path)
	if err != nil {
		return nil, err
	}
	if model.IsModel(path) {
		m, err := model.Open(path)
		if err != nil {
			return nil, err
		}
		return ModelTokenizer(m)
	}
	t, err := checkpointTokenizer(path)
	if !errors.Is(err, tokenizer.ErrNotFound) {
		return t, err
	}
	c, unknown := checkpoint.Open(path)
	if errors.Is(unknown, checkpoint.ErrUnknown) {
		return nil, unknown // where there is no model, a tokenizer is not what is missing
	}
	if unknown == nil {
		c.Close()
	}
	return nil, err
}

// checkpointTokenizer opens the tokenizer of a checkpoint: a GGUF file's own, or the one
// in the directory of the weights.
func checkpointTokenizer(path string) (*tokenizer.Tokenizer, error) {
	dir, err := tokenizerDir(path)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		return openGGUF(path)
	}
	return tokenizer.Open(dir)
}

// tokenizerDir returns the directory with the tokenizer's files of the checkpoint at path, as
// checkpoint.Locate has it; "" if the checkpoint is a GGUF file, which has its tokenizer in it.
func tokenizerDir(path string) (string, error) {
	if info, err := os.Stat(path); err != nil {
		return "", err
	} else if info.IsDir() {
		return path, nil
	}
	f, _, err := regularfile.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var magic [4]byte
	n, _ := f.ReadAt(magic[:], 0)
	if string(magic[:n]) == "GGUF" || filepath.Ext(path) == ".gguf" {
		return "", nil
	}
	return filepath.Dir(path), nil // of the weights
}

// openGGUF opens the tokenizer in a GGUF file.
func openGGUF(path string) (*tokenizer.Tokenizer, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return fromGGUF(f)
}

// ModelTokenizer opens the tokenizer of an open model directory: that of its files, or
// the one in the metadata of the GGUF file that the model was converted from.
func ModelTokenizer(m *model.Model) (*tokenizer.Tokenizer, error) {
	f, err := m.OpenMetadata()
	if err != nil {
		return nil, err
	}
	if f != nil {
		defer f.Close()
		return fromGGUF(f)
	}
	t, err := tokenizer.Read(func(name string) ([]byte, error) { return m.ReadFile(name, tokenizer.MaxFileSize) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Dir, err)
	}
	return t, nil
}

// fromGGUF reads the tokenizer in a GGUF file's metadata.
func fromGGUF(f *gguf.File) (*tokenizer.Tokenizer, error) {
	t, err := vocabulary(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return t, nil
}

// vocabulary is fromGGUF with errors that do not name the file. Keys that are absent leave
// their fields empty.
func vocabulary(f *gguf.File) (*tokenizer.Tokenizer, error) {
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
