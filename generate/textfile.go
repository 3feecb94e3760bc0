package generate

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// EncodeFile is [Opening.Encode] of the text in a file, or of its first bytes if most is above 0.
// What the limit has no room for is not read: memory.ErrLimit.
func (o *Opening) EncodeFile(ctx context.Context, path string, most int64) ([]int, error) {
	text, err := o.readText(ctx, path, most)
	if err != nil {
		return nil, err
	}
	return o.Encode(ctx, text)
}

// ReadLines returns the lines of a text in a file. What the limit has no room for is not read: memory.ErrLimit.
func (o *Opening) ReadLines(ctx context.Context, path string) ([]string, error) {
	text, err := o.readText(ctx, path, 0)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	if lines == nil {
		return nil, fmt.Errorf("%s has no lines: %w", path, ErrPrompt)
	}
	return lines, nil
}

// readText reads a file, or its first bytes if most is above 0.
func (o *Opening) readText(ctx context.Context, path string, most int64) (string, error) {
	file, n, err := regularfile.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if most > 0 {
		n = min(n, most)
	}
	if n > textMemory && n > o.textRoom() { // less is a part of every plan
		return "", o.tooLong(ctx, n, readingCost*n)
	}
	var text strings.Builder
	text.Grow(int(n))
	if _, err := io.CopyN(&text, file, n); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return text.String(), nil
}
