// Package blockcache keeps packed blocks of matrices that lie far away in a directory on disk, by what they hold: whichever
// model, server or mirror a block comes from, it is kept once, a file each.
//
// Any number of processes may share a directory, and be killed: files appear whole by renaming, and one that another process has
// removed is only missing. What is kept is no proof of anything: who reads it compares it (package cdna does), and removes what is
// wrong. A [Cache] does not fail: where the disk is full or the directory gone, nothing is kept.
package blockcache

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/filelock"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/uncached"
)

const (
	// suffix is at the end of a block's file name, partial at that of one being written.
	suffix, partial = ".block", ".partial"
	// stale is how old what is being written is when nobody writes it any more.
	stale = time.Hour
	// tick is how far behind the clock the time is that a system gives to a file.
	tick = 100 * time.Millisecond
)

// ours is what the cache's files are called below its directory.
var ours = regexp.MustCompile(`^[0-9a-f]{2}/([0-9a-f]{64}-[0-9a-f]{8}-[0-9a-f]+\.block|[0-9]+\.partial)$`)

// Cache is a directory of blocks, of at most so many bytes. It implements cdna.Cache and is safe for concurrent use.
type Cache struct {
	dir   string
	limit int64
	began time.Time
	read  atomic.Int64

	mu    sync.Mutex
	held  int64 // bytes, as far as this process knows
	added int64 // since the directory was last looked through; below 0: never
}

// Open returns the cache in a directory, which it makes.
func Open(dir string, limit int64) (*Cache, error) {
	if limit <= 0 {
		return nil, fmt.Errorf("a cache of %d bytes: %w", limit, fs.ErrInvalid)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	dir, err := filepath.EvalSymlinks(dir) // WalkDir goes into no link
	if err != nil {
		return nil, err
	}
	return &Cache{dir: dir, limit: limit, began: time.Now().Add(-tick), added: -1}, nil
}

// Read returns how many bytes of blocks were read from the cache.
func (c *Cache) Read() int64 { return c.read.Load() }

// path is a block's file: 256 folders, so that none gets too many.
func (c *Cache) path(key cdna.CacheKey) string {
	name := fmt.Sprintf("%x", key.SHA256)
	return filepath.Join(c.dir, name[:2], fmt.Sprintf("%s-%08x-%x%s", name, key.CRC32C, key.Bytes, suffix))
}

// Get fills p with a block, and tells whether it is there.
func (c *Cache) Get(key cdna.CacheKey, p []byte) bool {
	file, n, err := regularfile.Open(c.path(key))
	if err != nil {
		return false
	}
	defer file.Close()
	if n != int64(len(p)) {
		return false
	}
	if n, _ := uncached.New(file).ReadAt(p, 0); n != len(p) {
		return false
	}
	c.read.Add(n)
	return true
}

// Ahead tells whether a block is there, and has the system begin to read it.
func (c *Cache) Ahead(key cdna.CacheKey) bool {
	file, n, err := regularfile.Open(c.path(key))
	if err != nil {
		return false
	}
	defer file.Close()
	uncached.New(file).Ahead(0, n)
	return true
}

// Used has a block count as used now: it stays where others that were not used since this process began can go.
func (c *Cache) Used(key cdna.CacheKey) {
	now := time.Now()
	_ = os.Chtimes(c.path(key), now, now) // another process may have removed it
}

// Remove removes a block.
func (c *Cache) Remove(key cdna.CacheKey) { _ = os.Remove(c.path(key)) }

// Put keeps a block, if there is room for it beside those that were used since this process began: so a model that is larger
// than the cache does not displace its own blocks in each pass.
func (c *Cache) Put(key cdna.CacheKey, p []byte) {
	n := int64(len(p))
	if !c.reserve(n) {
		return
	}
	if err := c.write(c.path(key), p); err != nil {
		c.mu.Lock()
		c.held -= n
		c.mu.Unlock()
	}
}

// write makes a file that is whole or absent. It is not flushed: who reads it compares it.
func (c *Cache) write(path string, p []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "*"+partial)
	if err != nil {
		return err
	}
	_, err = file.Write(p)
	err = cmp.Or(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// reserve makes room for n bytes, and tells whether there is some. The directory is looked through when its limit seems
// reached, and after each sixteenth of that which was added here, as other processes add too.
func (c *Cache) reserve(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.added < 0 || c.added+n > c.limit/16 || c.held+n > c.limit {
		if c.added == 0 && c.held+n > c.limit { // looked through since, and full of what is in use
			return false
		}
		c.held, c.added = c.clean(c.limit-n), 0
		if c.held+n > c.limit {
			return false
		}
	}
	c.held, c.added = c.held+n, c.added+n
	return true
}

// entry is a file of the cache.
type entry struct {
	path string
	size int64
	used time.Time
}

// clean removes blocks that were not used since this process began, those used last the last, until at most room bytes are
// held, and returns how many are. One process at a time does so; others remove nothing.
func (c *Cache) clean(room int64) (held int64) {
	entries := c.entries()
	for _, e := range entries {
		held += e.size
	}
	if held <= room {
		return held
	}
	lock, err := filelock.Try(filepath.Join(c.dir, "lock"))
	if err != nil {
		return held
	}
	defer lock.Release()
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path)) })
	for _, e := range entries {
		if held <= room || !e.used.Before(c.began) {
			break
		}
		if os.Remove(e.path) == nil {
			held -= e.size
		}
	}
	return held
}

// entries are the cache's files. What a process that was killed was writing is removed.
func (c *Cache) entries() (list []entry) {
	_ = filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // it was removed, or is nothing of the cache's
		}
		if name, err := filepath.Rel(c.dir, path); err != nil || !ours.MatchString(filepath.ToSlash(name)) {
			return nil
		}
		info, err := d.Info()
		switch {
		case err != nil:
		case strings.HasSuffix(path, suffix):
			list = append(list, entry{path, info.Size(), info.ModTime()})
		case strings.HasSuffix(path, partial) && time.Since(info.ModTime()) > stale:
			_ = os.Remove(path)
		}
		return nil
	})
	return list
}
