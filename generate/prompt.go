package generate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/helix-substrate/helix-substrate/memory"
)

// maxPrompt bounds a prompt, and a line of a conversation.
const maxPrompt = 16 << 20

// ErrLongPrompt reports a prompt, or a line, that is longer than may be read.
var ErrLongPrompt = errors.New("the prompt is larger than 16 MiB, or than the memory limit has room for")

// ReadPrompt reads a text to continue, all of r but for one line end after it, or stops
// waiting for it when ctx ends; then r may still be read from. What the limit has no room for is
// read to its end but not kept, so that the error, memory.ErrLimit, can say what would do.
// Others are ErrLongPrompt, r's and the context's.
func (o *Opening) ReadPrompt(ctx context.Context, r io.Reader) (string, error) {
	text, err := await(ctx, func() (string, error) {
		const step = 1 << 20
		room := max(o.textRoom(), 64<<10)
		r := io.LimitReader(r, maxPrompt+1)
		var text strings.Builder
		for {
			n, err := io.CopyN(&text, r, min(step, room-int64(text.Len())))
			if err == io.EOF {
				return text.String(), nil
			}
			if err != nil {
				return "", err
			}
			if n < step {
				break
			}
		}
		n := int64(text.Len())
		text.Reset()
		rest, err := io.Copy(io.Discard, r)
		if n += rest; err == nil && n <= maxPrompt {
			err = o.tooLong(ctx, n, readingCost*n)
		}
		if err == nil {
			err = ErrLongPrompt
		}
		return "", err
	})
	if err == nil && len(text) > maxPrompt {
		err = ErrLongPrompt
	}
	if err != nil {
		return "", fmt.Errorf("read the prompt: %w", err)
	}
	return withoutLineEnd(text), nil
}

// withoutLineEnd drops the one line end that a file or an echo ends with.
func withoutLineEnd(text string) string {
	text, cut := strings.CutSuffix(text, "\n")
	if cut {
		text = strings.TrimSuffix(text, "\r")
	}
	return text
}

// LineReader reads what a user types, a line at a time. It is for one goroutine.
type LineReader struct {
	scanner *bufio.Scanner
}

// NewLineReader returns a reader of r's lines, each as long as a prompt may be and the memory
// limit, if there is one, has room for.
func NewLineReader(r io.Reader) *LineReader {
	return newLineReader(r, int(min(maxPrompt, memory.Room()/4)))
}

// newLineReader reads lines of at most so many bytes.
func newLineReader(r io.Reader, most int) *LineReader {
	s := bufio.NewScanner(r)
	s.Buffer(nil, most)
	return &LineReader{s}
}

// Next returns a line without its end, io.EOF after the last, ErrLongPrompt, or ctx's error as
// soon as that ends; then Next must not be called again.
func (l *LineReader) Next(ctx context.Context) (string, error) {
	line, err := await(ctx, func() (string, error) {
		if l.scanner.Scan() {
			return l.scanner.Text(), nil
		}
		if err := l.scanner.Err(); err != nil {
			return "", err
		}
		return "", io.EOF
	})
	if errors.Is(err, bufio.ErrTooLong) {
		err = ErrLongPrompt
	}
	return line, err
}
