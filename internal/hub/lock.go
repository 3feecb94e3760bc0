package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockBlob waits until no other download, here, in another process or by
// huggingface_hub, writes the blob. File systems without locks go without: the
// checksum finds what two writers spoil.
func (c *Client) lockBlob(ctx context.Context, s *Snapshot, f File) (unlock func(), err error) {
	dir := filepath.Join(c.Cache, ".locks", repoFolder(s.Repo))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, f.Blob()+".lock"), flock.SetPermissions(0o664))
	const poll = 100 * time.Millisecond
	_, err = lock.TryLockContext(ctx, poll)
	switch {
	case ctx.Err() != nil:
		lock.Close()
		return nil, ctx.Err()
	case err != nil && !errors.Is(err, errors.ErrUnsupported):
		lock.Close()
		return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	return func() { lock.Close() }, nil
}
