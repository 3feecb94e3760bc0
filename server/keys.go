package server

import (
	"bytes"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// maxKeys is how many bytes a file of keys may have.
const maxKeys = 1 << 20

// ReadKeys reads a file of keys for Options, one a line: visible characters of ASCII, of which the first is no #, since that is likely to be
// meant as a remark. Errors are ErrOption, also where there is none in it, which would let everybody in, and those of reading.
func ReadKeys(path string) ([]string, error) {
	text, err := regularfile.ReadAll(path, maxKeys)
	if err != nil {
		return nil, err
	}
	var keys []string
	number := 0
	for line := range bytes.Lines(text) {
		number++
		key := bytes.TrimSpace(line)
		if len(key) == 0 {
			continue
		}
		if key[0] == '#' || bytes.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("%s: line %d is no key, of visible characters of ASCII and without # at its beginning: %w", path, number, ErrOption)
		}
		keys = append(keys, string(key))
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: there is no key in it: %w", path, ErrOption)
	}
	return keys, nil
}
