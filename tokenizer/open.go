package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// MaxFileSize is the largest file that is read, in bytes.
const MaxFileSize = 256 << 20

// VocabularyFiles are the files that may hold a model's vocabulary; the first that is there counts.
var VocabularyFiles = []string{"tokenizer.json", "tokenizer.model"}

// Files gives the contents of a file beside a model's weights by its name. Where there is none, the error wraps [fs.ErrNotExist].
// The contents stay the giver's: what is read from them keeps no part of them.
type Files func(name string) ([]byte, error)

// Open reads the tokenizer in a model directory, or that of the tokenizer.json at the path with the files beside it. See [Read].
func Open(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	dir, vocabulary := path, ""
	if !info.IsDir() {
		dir, vocabulary = filepath.Split(path)
	}
	t, err := Read(func(name string) ([]byte, error) {
		if name == "tokenizer.json" && vocabulary != "" {
			name = vocabulary
		}
		return regularfile.ReadAll(filepath.Join(dir, name), MaxFileSize)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// Read makes a tokenizer of a model's files, as transformers does: the vocabulary of tokenizer.json
// or else tokenizer.model; the special and added tokens
// of tokenizer_config.json and, where that lists no added tokens, of special_tokens_map.json and added_tokens.json; the ids that
// end a generation of generation_config.json and config.json too; the chat template of chat_template.jinja or tokenizer_config.json.
// Errors wrap ErrNotFound, ErrFormat, ErrUnsupported (naming the component), ErrVocabulary or ErrTooLarge, or are those of files.
func Read(files Files) (*Tokenizer, error) {
	s, err := readSettings(files)
	if err != nil {
		return nil, err
	}
	t, added, err := readVocabulary(files, s)
	if err != nil {
		return nil, err
	}
	if err := t.complete(added, s); err != nil {
		return nil, err
	}
	for _, name := range []string{"generation_config.json", "config.json"} {
		data, err := optional(files, name)
		if err == nil && data != nil {
			err = t.addStops(name, data)
		}
		if err != nil {
			return nil, err
		}
	}
	template, err := optional(files, "chat_template.jinja")
	if err != nil {
		return nil, err
	}
	if template != nil {
		t.chatTemplate = validUTF8(string(template))
	}
	return t, nil
}

// readVocabulary reads the first of VocabularyFiles that is there, all but its added tokens, which it returns apart.
func readVocabulary(files Files, s *settings) (*Tokenizer, []addedToken, error) {
	for _, name := range VocabularyFiles {
		data, err := optional(files, name)
		switch {
		case err != nil:
			return nil, nil, err
		case data == nil:
		case len(data) > MaxFileSize:
			return nil, nil, fmt.Errorf("%w: %s of %d bytes", ErrTooLarge, name, len(data))
		case name == "tokenizer.model":
			return fromSentencePiece(data, s)
		default:
			return parseTokenizer(data)
		}
	}
	return nil, nil, fmt.Errorf("%w: looked for %s", ErrNotFound, strings.Join(VocabularyFiles, ", "))
}

// optional is files, and nil for a file that does not exist; one that is too large is ErrTooLarge.
func optional(files Files, name string) ([]byte, error) {
	data, err := files(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, regularfile.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	if err == nil && data == nil {
		data = []byte{}
	}
	return data, err
}
