package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// Dir returns the directory of a snapshot in the cache, whether it exists or not.
// A downloaded file lies in it under its Path.
func (c *Client) Dir(s *Snapshot) string {
	return filepath.Join(c.repoDir(s.Repo), "snapshots", s.Commit)
}

func (c *Client) repoDir(r Repo) string { return filepath.Join(c.Cache, repoFolder(r)) }

func repoFolder(r Repo) string { return "models--" + strings.ReplaceAll(r.ID, "/", "--") }

func (c *Client) blobPath(s *Snapshot, f File) string {
	return filepath.Join(c.repoDir(s.Repo), "blobs", f.Blob())
}

// cached returns the path of a file that the cache holds whole.
func (c *Client) cached(s *Snapshot, f File) (string, bool) {
	path := filepath.Join(c.Dir(s), filepath.FromSlash(f.Path))
	return path, hasSize(path, f.Size)
}

func hasSize(path string, size int64) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// cachedSnapshot lists what the cache holds of a revision.
func (c *Client) cachedSnapshot(ctx context.Context, repo Repo) (*Snapshot, error) {
	s := &Snapshot{Repo: repo, Commit: repo.Revision}
	if !isHex(s.Commit, 40) {
		var err error
		if s.Commit, err = readRef(c.refPath(repo)); err != nil {
			return nil, err
		}
	}
	root := c.Dir(s)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if name = filepath.ToSlash(name); filename.Check(name) != nil {
			s.Refused = append(s.Refused, filename.Quote(name))
			return nil
		}
		info, err := os.Stat(path) // of the blob
		if err != nil || !info.Mode().IsRegular() {
			return nil // a link to a blob that is gone: not in the cache
		}
		file := File{Path: name, Size: info.Size()}
		if target, err := os.Readlink(path); err == nil {
			switch blob := filepath.Base(target); {
			case isHex(blob, 64):
				file.SHA256 = blob
			case isHex(blob, 40):
				file.GitID = blob
			}
		}
		s.Files = append(s.Files, file)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("commit %s: %w", s.Commit, ErrOffline)
	}
	return s, err
}

func (c *Client) refPath(r Repo) string {
	return filepath.Join(c.repoDir(r), "refs", filepath.FromSlash(r.Revision))
}

func readRef(path string) (string, error) {
	file, size, err := regularfile.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, regularfile.ErrNotRegular) {
			return "", ErrOffline
		}
		return "", err
	}
	defer file.Close()
	const longest = 100
	content, err := io.ReadAll(io.LimitReader(file, min(size, longest)))
	commit := strings.TrimSpace(string(content))
	if err == nil && !isHex(commit, 40) {
		err = fmt.Errorf("%s: %w: it holds no commit", path, ErrOffline)
	}
	return commit, err
}

// writeRef records the commit of a branch or tag, unless it is recorded already.
func (c *Client) writeRef(s *Snapshot) error {
	path := c.refPath(s.Repo)
	if s.Repo.Revision == s.Commit {
		return nil
	}
	if commit, err := readRef(path); err == nil && commit == s.Commit {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, s.Commit)
		return err
	})
}

// place makes entry, in a snapshot, stand for blob: by a relative symbolic link,
// by a hard link where the system or the user has none (Windows), or by a copy.
func place(blob, entry string, symlink, link func(old, new string) error) error {
	dir := filepath.Dir(entry)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	target, err := filepath.Rel(dir, blob)
	if err != nil {
		return err
	}
	if err := os.Remove(entry); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if symlink(target, entry) == nil || link(blob, entry) == nil {
		return nil
	}
	from, _, err := regularfile.Open(blob)
	if err != nil {
		return err
	}
	defer from.Close()
	return atomicfile.Write(entry, func(w io.Writer) error {
		_, err := io.Copy(w, from)
		return err
	})
}
