package web

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// file is a file of a directory that one user opened.
type file struct {
	*ranges.Reader
	*content
	close func()
}

// Size is the file's length in bytes.
func (f *file) Size() int64 { return f.size }

// Stamp is what tells the file's version.
func (f *file) Stamp() string { return fmt.Sprintf("%d bytes, %s%s", f.size, f.tag, f.modified) }

// Close ends the use of the file; that of its last user ends the requests for it too.
func (f *file) Close() error {
	f.close()
	return nil
}

// Uncached returns the file as what can be told of reads that come.
func (f *file) Uncached() io.ReaderAt { return f.Reader }

// version is what an answer tells of the content's version.
type version struct {
	size          int64
	tag, modified string // ETag; else Last-Modified
}

// content is a version of a file.
type content struct {
	version
	at        address
	url       *url.URL
	requester *ranges.Requester

	mu    sync.Mutex
	first *beginningBody // of the first answer, until it is read
}

func (c *content) Name() string { return c.url.String() }
func (c *content) Size() int64  { return c.size }

// probe asks for the beginning of a file, whose answer tells its size and version.
func (d *Directory) probe(ctx context.Context, name string) (*content, error) {
	c := &content{at: d.at, url: d.at.file(name), requester: &d.requester}
	tries := ranges.Tries{Policy: &d.retry}
	for {
		err := c.begin(ctx)
		if err == nil {
			break
		}
		if err := tries.Failed(ctx, err); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// begin asks for the beginning. Its body, which outlasts ctx, waits for the first read.
func (c *content) begin(ctx context.Context) error {
	const to = ranges.FirstRead
	outlasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	a, err := c.get(outlasting, ranges.Header(0, to))
	if err != nil {
		cancel()
		return err
	}
	c.first = &beginningBody{a.Body, cancel}
	if c.version, err = c.beginning(a, to); err != nil || c.size == 0 {
		c.takeFirst().Close()
	}
	return err
}

// takeFirst returns the body of the first answer, the first time, else nil.
func (c *content) takeFirst() *beginningBody {
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
func (c *content) beginning(a *http.Response, to int64) (v version, err error) {
	if a.StatusCode == http.StatusRequestedRangeNotSatisfiable && strings.TrimSpace(a.Header.Get("Content-Range")) == "bytes */0" {
		return versionOf(a, 0)
	}
	if err := refused(a); err != nil {
		return v, err
	}
	part, err := ranges.ReadPart(a, 0, to)
	switch {
	case err != nil:
		return v, err
	case part.Total < 0:
		return v, fmt.Errorf("%w: it does not tell the file's length", ranges.ErrNoRanges)
	case part.Total > to && part.Whole:
		return v, fmt.Errorf("%w: it sent the whole file", ranges.ErrNoRanges)
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
		return v, fmt.Errorf("%w: it does not tell the file's version (ETag, Last-Modified)", ranges.ErrNoRanges)
	}
	return v, nil
}

// Open requests bytes [from, to) of the version.
func (c *content) Open(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	if from == 0 {
		if first := c.takeFirst(); first != nil {
			context.AfterFunc(ctx, first.cancel)
			return first, nil
		}
	}
	header := ranges.Header(from, to)
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
func (c *content) accept(a *http.Response, from, to int64) error {
	switch a.StatusCode {
	case http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable, http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%w: %s", ranges.ErrChanged, ranges.StatusText(a.StatusCode))
	}
	if err := refused(a); err != nil {
		return err
	}
	part, err := ranges.ReadPart(a, from, to)
	if err != nil {
		return err
	}
	v, err := versionOf(a, part.Total)
	switch {
	case err != nil:
		return err
	case v != c.version:
		return fmt.Errorf("%w: it has %d bytes and the version %s, and had %d and %s", ranges.ErrChanged,
			v.size, ranges.Quote(v.tag+v.modified), c.size, ranges.Quote(c.tag+c.modified))
	case part.Start != from || part.Whole && to < c.size:
		return fmt.Errorf("%w: it sent the whole file", ranges.ErrNoRanges)
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
		return fmt.Errorf("the server says %s: %w", ranges.StatusText(a.StatusCode), fs.ErrPermission)
	}
	return ranges.Refusal(a, fmt.Errorf("%w: %s", ranges.ErrResponse, ranges.StatusText(a.StatusCode)))
}

// get makes a request and follows redirects. There are no credentials to carry along.
func (c *content) get(ctx context.Context, header http.Header) (*http.Response, error) {
	u := c.url
	for range ranges.MostRedirects {
		a, err := c.requester.Get(ctx, u, header)
		if err != nil {
			return nil, err
		}
		next, err := ranges.Redirect(u, a)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return a, nil
		}
		if !c.at.follows(next) {
			return nil, fmt.Errorf("%w: a redirect to an address that is not encrypted", ranges.ErrResponse)
		}
		u = next
	}
	return nil, fmt.Errorf("%w: more than %d redirects", ranges.ErrResponse, ranges.MostRedirects)
}
