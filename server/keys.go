package server

import (
	"bytes"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// maxKeys is how many bytes a file of keys may have.
const maxKeys = 1 << 20

// ReadKeys reads a file of keys for Options, one a line. Errors are ErrOption, where there is none in it, which would let everybody
// in, and those of reading.
func ReadKeys(path string) ([]string, error) {
	text, err := regularfile.ReadAll(path, maxKeys)
	if err != nil {
		return nil, err
	}
	var keys []string
	for line := range bytes.Lines(text) {
		if key := bytes.TrimSpace(line); len(key) > 0 {
			keys = append(keys, string(key))
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: there is no key in it: %w", path, ErrOption)
	}
	return keys, nil
}
