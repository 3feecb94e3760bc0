package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/freespace"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/memory"
)

// Download brings a file of a snapshot into the cache, unless it is there, and
// returns its path. progress, which may be nil, is called with the bytes that have
// arrived, those of an earlier download included, now and then from the calling
// goroutine; the count falls back when the file has to be started over.
//
// The content is checked against File.Blob before it gets its place. After an error
// or a cancellation only BLOB.incomplete stays, which the next Download continues.
// Several downloads may run at once, also of one file and in other processes; all but
// the first wait. Errors: as Snapshot, and ErrFileNotFound, ErrChanged, ErrChecksum,
// syscall.ENOSPC.
func (c *Client) Download(ctx context.Context, s *Snapshot, f File, progress func(done, total int64)) (string, error) {
	path, err := c.download(ctx, s, f, progress)
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", s.Repo, f.Path, err)
	}
	return path, nil
}

func (c *Client) download(ctx context.Context, s *Snapshot, f File, progress func(done, total int64)) (string, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	if err := filename.Check(f.Path); err != nil {
		return "", err
	}
	path, found := c.cached(s, f)
	switch {
	case found:
		progress(f.Size, f.Size)
		if !c.Offline {
			_ = c.writeRef(s) // only a help for offline mode; the cache may be read-only
		}
		return path, nil
	case c.Offline:
		return "", ErrOffline
	}
	if err := checkFile(s, f); err != nil {
		return "", err
	}
	unlock, err := c.lockBlob(ctx, s, f)
	if err != nil {
		return "", err
	}
	defer unlock()
	blob := c.blobPath(s, f)
	if !hasSize(blob, f.Size) {
		if err := os.MkdirAll(filepath.Dir(blob), 0o777); err != nil {
			return "", err
		}
		if err := c.fetchBlob(ctx, s, f, blob, progress); err != nil {
			return "", err
		}
	}
	if _, found := c.cached(s, f); !found { // another may have placed it
		if err := place(blob, path, os.Symlink, os.Link); err != nil {
			return "", err
		}
	}
	progress(f.Size, f.Size)
	return path, c.writeRef(s)
}

// checkFile makes sure that nothing of a hand-made snapshot leaves the cache.
func checkFile(s *Snapshot, f File) error {
	if err := s.Repo.check(); err != nil {
		return err
	}
	if blob := f.Blob(); !isHex(s.Commit, 40) || !isHex(blob, 40) && !isHex(blob, 64) || f.Size < 0 || f.Size > ranges.LargestContent {
		return fmt.Errorf("%w: a file without commit, size or id", ErrResponse)
	}
	return nil
}

// fetchBlob completes BLOB.incomplete and renames it. Content that turns out wrong is
// thrown away and, as it may stem from an earlier download, fetched a second time.
func (c *Client) fetchBlob(ctx context.Context, s *Snapshot, f File, blob string, progress func(done, total int64)) error {
	incomplete := blob + ".incomplete"
	file, err := os.OpenFile(incomplete, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer file.Close()
	t := &transfer{file: file, source: c.source(s, f), progress: progress, hash: f.newHash()}
	if err := t.resume(ctx); err != nil {
		return err
	}
	if free, err := freespace.At(filepath.Dir(blob)); err == nil && free < f.Size-t.done {
		return fmt.Errorf("%s: %w: %s more are needed and %s are free", filepath.Dir(blob), syscall.ENOSPC,
			memory.FormatSize(f.Size-t.done), memory.FormatSize(free))
	}
	for again := true; ; again = false {
		if err := t.run(ctx); err != nil {
			return err
		}
		got := hex.EncodeToString(t.hash.Sum(nil))
		if got == f.Blob() {
			break
		}
		if err := t.restart(); err != nil {
			return err
		}
		if !again {
			file.Close() // Windows removes no open file
			os.Remove(incomplete)
			return fmt.Errorf("%w: its id is %s instead of %s", ErrChecksum, got, f.Blob())
		}
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(incomplete, blob)
}

// newHash returns what Blob is made with: SHA-256, or git's SHA-1 of a blob, whose
// content follows "blob SIZE\0".
func (f File) newHash() hash.Hash {
	if f.SHA256 != "" {
		return sha256.New()
	}
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", f.Size)
	return h
}

// transfer fills a file from a source; done bytes are written and hashed.
type transfer struct {
	file     *os.File
	source   *source
	progress func(done, total int64)
	hash     hash.Hash
	done     int64
}

// resume counts and hashes what the file holds already.
func (t *transfer) resume(ctx context.Context) error {
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > t.source.file.Size {
		return t.restart()
	}
	buffer := make([]byte, 1<<20)
	for ctx.Err() == nil {
		n, err := t.file.ReadAt(buffer, t.done)
		t.hash.Write(buffer[:n])
		t.done += int64(n)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// restart forgets what has arrived.
func (t *transfer) restart() error {
	t.done = 0
	t.hash = t.source.file.newHash()
	t.source.forget()
	return t.file.Truncate(0)
}

// run fetches the rest. Attempts are counted anew when they bring the transfer on.
func (t *transfer) run(ctx context.Context) error {
	size := t.source.file.Size
	farthest, restarted := t.done, false
	tries := ranges.Tries{Policy: &t.source.client.Retry}
	for t.done < size {
		err := t.attempt(ctx)
		if err == nil {
			break
		}
		if t.done >= farthest+ranges.ProgressStep {
			farthest = t.done
			tries.Progress()
		}
		if errors.Is(err, ErrChanged) && t.done > 0 && !restarted {
			restarted = true
			if err := t.restart(); err != nil {
				return err
			}
			continue
		}
		if err := tries.Failed(ctx, err); err != nil {
			return err
		}
	}
	return nil
}

// attempt appends what one answer brings.
func (t *transfer) attempt(ctx context.Context) error {
	size := t.source.file.Size
	content, start, err := t.source.open(ctx, t.done, size)
	if err != nil {
		return err
	}
	defer content.Close()
	if start != t.done { // a server without ranges sent it from the beginning
		if err := t.restart(); err != nil {
			return err
		}
	}
	buffer := make([]byte, 256<<10)
	for t.done < size {
		n, err := content.Read(buffer[:min(int64(len(buffer)), size-t.done)])
		if _, err := t.file.WriteAt(buffer[:n], t.done); err != nil {
			return err
		}
		t.hash.Write(buffer[:n])
		t.done += int64(n)
		t.progress(t.done, size)
		if err == io.EOF && t.done < size {
			return ranges.Passing(io.ErrUnexpectedEOF, 0)
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}
