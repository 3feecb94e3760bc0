package ranges

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/filename"
)

// Get asks a server for a file, with the given header, and returns the answer, whose body the caller closes, whatever its
// status. ctx is the body's, too. Errors that Passing made are tried again.
type Get func(ctx context.Context, header http.Header) (*http.Response, error)

// Pinned is the content of a file that is held to one version: its length, and its ETag or the time of its last change, in
// every answer. So a file that changes is an error and never a mixture. It is safe for concurrent use.
type Pinned struct {
	version
	name string
	get  Get

	mu    sync.Mutex
	first *beginningBody // of the first answer, until it is read
}

// version is what an answer tells of the content's version.
type version struct {
	size          int64
	tag, modified string // ETag; else Last-Modified
}

// Name is what the file is called in messages.
func (c *Pinned) Name() string { return c.name }

// Size is the file's length in bytes.
func (c *Pinned) Size() int64 { return c.size }

// pin asks for the first bytes of a file, whose answer tells its size and version. Errors are
// fs.ErrNotExist, fs.ErrPermission and the package's.
func pin(ctx context.Context, name string, get Get, first int64, retry *Retry) (*Pinned, error) {
	c := &Pinned{name: name, get: get}
	tries := Tries{Policy: retry}
	for {
		err := c.begin(ctx, first)
		if err == nil {
			return c, nil
		}
		if err := tries.Failed(ctx, err); err != nil {
			return nil, err
		}
	}
}

// begin asks for bytes [0, to). Its body, which outlasts ctx, waits for the first read.
func (c *Pinned) begin(ctx context.Context, to int64) error {
	outlasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	a, err := c.get(outlasting, Header(0, to))
	if err != nil {
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	c.first = &beginningBody{a.Body, cancel}
	if c.version, err = beginning(a, to); err != nil || c.size == 0 {
		c.takeFirst().Close()
	}
	return err
}

// takeFirst returns the body of the first answer, the first time, else nil.
func (c *Pinned) takeFirst() *beginningBody {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.first
	c.first = nil
	return first
}

// beginningBody is a body whose request ends with it.
type beginningBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *beginningBody) Close() error {
	if b == nil {
		return nil
	}
	b.cancel()
	return b.ReadCloser.Close()
}

// beginning returns the version that an answer to a request for bytes [0, to) tells.
func beginning(a *http.Response, to int64) (v version, err error) {
	if a.StatusCode == http.StatusRequestedRangeNotSatisfiable && strings.TrimSpace(a.Header.Get("Content-Range")) == "bytes */0" {
		return versionOf(a, 0)
	}
	if err := refused(a); err != nil {
		return v, err
	}
	part, err := ReadPart(a, 0, to)
	switch {
	case err != nil:
		return v, err
	case part.Total < 0:
		return v, fmt.Errorf("%w: it does not tell the file's length", ErrNoRanges)
	case part.Whole && part.Total > to:
		return v, fmt.Errorf("%w: it sent the whole file", ErrNoRanges)
	}
	return versionOf(a, part.Total)
}

// versionOf reads the headers that tell versions apart.
func versionOf(a *http.Response, size int64) (version, error) {
	const longest = 256
	v := version{size: size, tag: a.Header.Get("ETag")}
	if v.tag == "" {
		v.modified = a.Header.Get("Last-Modified")
	}
	if text := v.tag + v.modified; text == "" || len(text) > longest {
		return v, fmt.Errorf("%w: it does not tell the file's version (ETag, Last-Modified)", ErrNoRanges)
	}
	return v, nil
}

// Open requests bytes [from, to) of the version.
func (c *Pinned) Open(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	if from == 0 {
		if first := c.takeFirst(); first != nil {
			context.AfterFunc(ctx, first.cancel)
			return first, nil
		}
	}
	header := Header(from, to)
	switch {
	case c.tag == "":
		header.Set("If-Unmodified-Since", c.modified)
	case !strings.HasPrefix(c.tag, "W/"): // a weak one never matches
		header.Set("If-Match", c.tag)
	}
	a, err := c.get(ctx, header)
	if err != nil {
		return nil, err
	}
	if err := c.accept(a, from, to); err != nil {
		a.Body.Close()
		return nil, err
	}
	return a.Body, nil
}

// accept checks an answer to a request for [from, to).
func (c *Pinned) accept(a *http.Response, from, to int64) error {
	switch a.StatusCode {
	case http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable, http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%w: %s", ErrChanged, StatusText(a.StatusCode))
	}
	if err := refused(a); err != nil {
		return err
	}
	part, err := ReadPart(a, from, to)
	if err != nil {
		return err
	}
	v, err := versionOf(a, part.Total)
	switch {
	case err != nil:
		return err
	case v != c.version:
		return fmt.Errorf("%w: it has %d bytes and the version %s, and had %d and %s", ErrChanged,
			v.size, filename.Quote(v.tag+v.modified), c.size, filename.Quote(c.tag+c.modified))
	case part.Start != from || part.Whole && to < c.size:
		return fmt.Errorf("%w: it sent the whole file", ErrNoRanges)
	}
	return nil
}

// refused returns what a status other than success means.
func refused(a *http.Response) error {
	switch a.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		return nil
	case http.StatusNotFound, http.StatusGone:
		return fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("the server says %s: %w", StatusText(a.StatusCode), fs.ErrPermission)
	}
	return Refusal(a, fmt.Errorf("%w: %s", ErrResponse, StatusText(a.StatusCode)))
}
