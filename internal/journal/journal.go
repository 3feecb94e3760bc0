// Package journal reads and writes the lines of a journal: files of JSON, a value a line,
// each with its SHA-256 in front, so that a line which was torn by the end of a process is
// told from a whole one.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Encode returns v's line, with its newline.
func Encode(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s %s\n", Sum(text), text), nil
}

// Decode reads a line without its newline into v; false if it is none.
func Decode(line []byte, v any) bool {
	sum, text, ok := bytes.Cut(line, []byte(" "))
	return ok && string(sum) == Sum(text) && json.Unmarshal(text, v) == nil
}

// Append writes v's line to the end of a file and flushes it to the disk.
func Append(f *os.File, v any) error {
	text, err := Encode(v)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// Torn tells whether text may be the beginning of a first line, whose JSON begins with begin,
// that was cut short while it was written.
func Torn(text []byte, begin string) bool {
	const sum = 2 * sha256.Size
	for _, c := range text[:min(len(text), sum)] {
		if !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	begin = " " + begin
	rest := text[min(len(text), sum):]
	n := min(len(rest), len(begin))
	return string(rest[:n]) == begin[:n] && !bytes.ContainsRune(rest, '\n')
}

// Sum returns the SHA-256 of a text, in hex.
func Sum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
