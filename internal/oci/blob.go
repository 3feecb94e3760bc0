package oci

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// file is an open file of an artifact.
type file struct {
	*ranges.Reader
	layer Layer
}

// Stamp is the layer's digest.
func (f *file) Stamp() string { return fmt.Sprintf("%d bytes, %s", f.layer.Size, f.layer.SHA256) }

// Uncached returns the file as what can be told of reads that come.
func (f *file) Uncached() io.ReaderAt { return f.Reader }

// blob is a layer's content, which its digest fixes; whether the registry's answers are of it is the reader's to check.
type blob struct {
	client *Client
	layer  Layer
	name   string

	mu     sync.Mutex
	direct *url.URL // where the registry redirected to, until that fails
}

func (b *blob) Name() string { return b.name }
func (b *blob) Size() int64  { return b.layer.Size }

// Open requests bytes [from, to).
func (b *blob) Open(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	a, found, err := b.request(ctx, ranges.Header(from, to))
	if err != nil {
		return nil, err
	}
	if err := b.accept(a, b.client.own(found), from, to); err != nil {
		a.Body.Close()
		return nil, err
	}
	return a.Body, nil
}

// request asks where the registry redirected to last, and the registry where there is no such or its address has expired.
func (b *blob) request(ctx context.Context, header http.Header) (*http.Response, *url.URL, error) {
	b.mu.Lock()
	direct := b.direct
	b.mu.Unlock()
	if direct != nil {
		a, found, err := b.client.do(ctx, ranges.Request{URL: direct, Header: header})
		if err == nil && a.StatusCode < 400 {
			return a, found, nil
		}
		if err == nil {
			a.Body.Close()
		}
		b.redirected(nil)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
	}
	a, found, err := b.client.do(ctx, ranges.Request{URL: b.client.url("blobs/" + b.layer.digest().String()), Header: header})
	if err == nil && a.StatusCode < 400 && !b.client.own(found) {
		b.redirected(found)
	}
	return a, found, err
}

func (b *blob) redirected(to *url.URL) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.direct = to
}

// accept checks an answer to a request for [from, to).
func (b *blob) accept(a *http.Response, own bool, from, to int64) error {
	if a.StatusCode != http.StatusOK && a.StatusCode != http.StatusPartialContent {
		return refusal(a, own)
	}
	part, err := ranges.ReadPart(a, from, to)
	switch {
	case err != nil:
		return err
	case part.Total >= 0 && part.Total != b.layer.Size:
		return fmt.Errorf("%w: %d bytes instead of %d", ranges.ErrChanged, part.Total, b.layer.Size)
	case part.Start != from || part.Whole && to < b.layer.Size:
		return fmt.Errorf("%w: it sent the whole blob", ranges.ErrNoRanges)
	}
	return nil
}
