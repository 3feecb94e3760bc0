package hub

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// source reads one file of a snapshot over HTTP and checks that every answer is
// about the same content.
type source struct {
	client   *Client
	snapshot *Snapshot
	file     File
	pinned   bool // parts must come as parts, with something that tells their version

	mu     sync.Mutex
	tags   map[string]string // last ETag by host
	direct *url.URL          // where the endpoint redirected to, until that fails
}

func (c *Client) source(s *Snapshot, file File) *source {
	return &source{client: c, snapshot: s, file: file, tags: map[string]string{}}
}

// name is how errors call the file.
func (s *source) name() string { return s.snapshot.Repo.String() + ": " + s.file.Path }

// open requests bytes [from, to) and returns the body, and where it starts: at from,
// or at 0 if the server sends the whole file. The body may end early.
func (s *source) open(ctx context.Context, from, to int64) (io.ReadCloser, int64, error) {
	header := ranges.Header(from, to)
	if from == 0 && to == s.file.Size {
		header.Del("Range")
	}
	a, err := s.request(ctx, header)
	if err != nil {
		return nil, 0, err
	}
	start, err := s.accept(a, from, to)
	if err != nil {
		a.Body.Close()
		return nil, 0, err
	}
	return a.Body, start, nil
}

// request asks the last content server directly, and the endpoint if there is none
// or its address has expired.
func (s *source) request(ctx context.Context, header http.Header) (*answer, error) {
	s.mu.Lock()
	direct := s.direct
	s.mu.Unlock()
	if direct != nil {
		a, err := s.client.get(ctx, direct, header)
		if err == nil && a.StatusCode < 400 {
			return a, nil
		}
		if err == nil {
			a.Body.Close()
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.mu.Lock()
		s.direct = nil
		s.mu.Unlock()
	}
	var path strings.Builder
	for segment := range strings.SplitSeq(s.file.Path, "/") {
		path.WriteByte('/')
		path.WriteString(url.PathEscape(segment))
	}
	u, err := s.client.url("/" + s.snapshot.Repo.ID + "/resolve/" + s.snapshot.Commit + path.String())
	if err != nil {
		return nil, err
	}
	a, err := s.client.get(ctx, u, header)
	if err == nil && !a.own && a.StatusCode < 400 && a.Header.Get("ETag") != "" {
		s.mu.Lock()
		s.direct = a.Request.URL
		s.mu.Unlock()
	}
	return a, err
}

// accept checks an answer to a request for [from, to) and returns where its body
// starts.
func (s *source) accept(a *answer, from, to int64) (int64, error) {
	switch a.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, fmt.Errorf("%w: it has no bytes from %d on", ranges.ErrChanged, from)
	default:
		return 0, s.client.refusal(a, s.snapshot.Repo.ID)
	}
	part, err := ranges.ReadPart(a.Response, from, to)
	if err != nil {
		return 0, err
	}
	if err := s.checkVersion(a); err != nil {
		return 0, err
	}
	if s.pinned && a.StatusCode == http.StatusOK && (from > 0 || to < s.file.Size) {
		return 0, fmt.Errorf("%w: it sent the whole file", ranges.ErrNoRanges)
	}
	if part.Total >= 0 && part.Total != s.file.Size {
		return 0, fmt.Errorf("%w: %d bytes instead of %d", ranges.ErrChanged, part.Total, s.file.Size)
	}
	return part.Start, nil
}

// checkVersion compares what the answer tells about its version with the listing
// and with earlier answers.
func (s *source) checkVersion(a *answer) error {
	blob := s.file.Blob()
	if a.commit != "" && a.commit != s.snapshot.Commit {
		return fmt.Errorf("%w: the answer is for commit %s", ranges.ErrChanged, filename.Quote(a.commit))
	}
	if a.linked != "" && a.linked != blob {
		return fmt.Errorf("%w: its id is %s instead of %s", ranges.ErrChanged, filename.Quote(a.linked), blob)
	}
	tag := ranges.PlainETag(a.Header.Get("ETag"))
	if a.own && a.linked == "" && isHex(tag, len(blob)) && tag != blob {
		return fmt.Errorf("%w: its id is %s instead of %s", ranges.ErrChanged, tag, blob)
	}
	if s.pinned && tag == "" && a.linked == "" {
		return fmt.Errorf("%w: the server does not tell the version (ETag)", ranges.ErrNoRanges)
	}
	host := a.Request.URL.Host
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, seen := s.tags[host]; seen && known != tag {
		return fmt.Errorf("%w: its ETag is %s and was %s", ranges.ErrChanged, filename.Quote(tag), filename.Quote(known))
	}
	s.tags[host] = tag
	return nil
}

// forget drops what earlier answers told, to start over.
func (s *source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tags)
	s.direct = nil
}
