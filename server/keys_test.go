package server

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestReadKeys: a file of keys has keys, and nothing that only looks like one.
func TestReadKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	for text, want := range map[string][]string{
		"one\n\n  two \r\n": {"one", "two"}, "a#b": {"a#b"},
		"": nil, " \n": nil, "# a remark\none\n": nil, "\x00\x00": nil, "one two": nil, "schlüssel": nil,
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		keys, err := ReadKeys(path)
		if !slices.Equal(keys, want) || (want == nil) != errors.Is(err, ErrOption) {
			t.Errorf("%q: %q, %v", text, keys, err)
		}
	}
}
