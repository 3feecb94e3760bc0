package hub

import (
	"context"
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// OpenRemote returns a reader of a file of a snapshot. Nothing is requested before
// the first read. Reads go through window, or one of their own if it is nil; requests end with
// Close. Errors of reading: as Download, without ErrChecksum, and ErrNoRanges, ErrClosed.
func (c *Client) OpenRemote(s *Snapshot, f File, window *ranges.Window) (*ranges.Reader, error) {
	err := filename.Check(f.Path)
	if err == nil && c.Offline {
		err = ErrOffline
	}
	if err == nil {
		err = checkFile(s, f)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", s.Repo, f.Path, err)
	}
	pinned := c.source(s, f)
	pinned.pinned = true
	return ranges.New(remote{pinned}, &c.Retry, window), nil
}

// remote is a pinned source, whose parts come as parts.
type remote struct{ *source }

func (r remote) Name() string { return r.name() }
func (r remote) Size() int64  { return r.file.Size }

func (r remote) Open(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	body, _, err := r.open(ctx, from, to)
	return body, err
}
