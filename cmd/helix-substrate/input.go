package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/memory"
)

// sayRounded says in one line, once, how many values of a .npy file are not exactly those
// that are used, because they are read as float32; one beyond its range is an error.
func sayRounded(env *environment, path string) error {
	r, err := npy.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := r.Rounded(env.ctx)
	if n > 0 {
		env.note(fmt.Sprintf("warning: %s: %d of %d values are rounded to float32", path, n, r.Len()))
	}
	return err
}

// sayRoundedSource is sayRounded for a path that may be any kind of checkpoint: in others a
// float64 is what weights are counted from, and the error of compressing them is far larger.
func sayRoundedSource(env *environment, path string) error {
	if filepath.Ext(path) != ".npy" || isDir(path) {
		return nil
	}
	return sayRounded(env, path)
}

// maxPrompt bounds a prompt, and a line of a conversation.
const maxPrompt = 16 << 20

var errLongPrompt = errors.New("the prompt is larger than 16 MiB, or than the memory limit has room for")

// readPrompt reads all of r, or stops waiting for it when ctx ends. What the limit has no
// room for is read to its end but not kept, so that refuse, which returns the error, can
// say what would do.
func readPrompt(ctx context.Context, r io.Reader, refuse func(bytes, cost int64) error) (string, error) {
	text, err := await(ctx, func() (string, error) {
		const step = 1 << 20
		room := max(memory.Room()/readingCost, 64<<10)
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
			err = refuse(n, readingCost*n)
		}
		if err == nil {
			err = errLongPrompt
		}
		return "", err
	})
	if err == nil && len(text) > maxPrompt {
		err = errLongPrompt
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

// readingCost is what a byte of a prompt takes while it is read, in a buffer that grows,
// and then encoded, at least.
const readingCost = 16

// lineReader reads lines. It is for one goroutine.
type lineReader struct {
	scanner *bufio.Scanner
}

// newLineReader reads lines of at most so many bytes.
func newLineReader(r io.Reader, most int) *lineReader {
	s := bufio.NewScanner(r)
	s.Buffer(nil, most)
	return &lineReader{s}
}

// next returns a line without its end, io.EOF after the last, or ctx's error as
// soon as that ends; then next must not be called again.
func (l *lineReader) next(ctx context.Context) (string, error) {
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
		err = errLongPrompt
	}
	return line, err
}

// openCDNA opens a CDNA file, or returns ctx's error as soon as that ends: one of version 1
// is inflated whole.
func openCDNA(ctx context.Context, path string) (*cdna.File, error) {
	return await(ctx, func() (*cdna.File, error) { return cdna.Open(path) })
}

// await waits for do, which nothing can interrupt, but no longer than ctx lasts: what is
// left behind ends with the process. It must only read.
func await[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
