package blockcache_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/blockcache"
)

const blockBytes = 1000

// block is the n-th block.
func block(n int) (cdna.CacheKey, []byte) {
	p := bytes.Repeat([]byte{byte(n), byte(n >> 8)}, blockBytes/2)
	return cdna.CacheKey{SHA256: sha256.Sum256(p), CRC32C: uint32(n), Bytes: len(p)}, p
}

func open(t *testing.T, dir string, blocks int64) *blockcache.Cache {
	t.Helper()
	c, err := blockcache.Open(dir, blocks*blockBytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// has counts which of the blocks [from, to) are there, and are what they should be.
func has(t *testing.T, c *blockcache.Cache, from, to int) (n int) {
	t.Helper()
	for i := from; i < to; i++ {
		key, want := block(i)
		if got := make([]byte, len(want)); c.Get(key, got) {
			if n++; !bytes.Equal(got, want) {
				t.Errorf("block %d is another", i)
			}
		}
		if c.Get(key, make([]byte, blockBytes-1)) {
			t.Errorf("block %d has two lengths", i)
		}
	}
	return n
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestCache: a cache keeps what there is room for, does not displace what is in use, and displaces what no process uses.
func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "cache")
	c := open(t, dir, 20)
	for i := range 50 {
		key, p := block(i)
		c.Put(key, p)
	}
	if n := has(t, c, 0, 50); n != 20 || has(t, c, 0, 20) != 20 || c.Read() == 0 {
		t.Errorf("it has %d blocks, %d bytes read", n, c.Read())
	}
	key, _ := block(3)
	c.Remove(key)
	if has(t, c, 3, 4) != 0 || !c.Ahead(firstKey(4)) || c.Ahead(key) {
		t.Error("a removed block is there, or another is not")
	}

	// A later process: all is old, but for what it uses. Something that a killed one was writing goes too.
	past := time.Now().Add(-2 * time.Hour)
	for _, name := range files(t, dir) {
		if err := os.Chtimes(name, past, past); err != nil {
			t.Fatal(err)
		}
	}
	left := filepath.Join(dir, "00", "1.partial")
	if err := os.MkdirAll(filepath.Dir(left), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(left, past, past); err != nil {
		t.Fatal(err)
	}
	c = open(t, dir, 20)
	for i := range 3 {
		c.Used(firstKey(i))
	}
	for i := 100; i < 110; i++ {
		key, p := block(i)
		c.Put(key, p)
	}
	if used, later, all := has(t, c, 0, 3), has(t, c, 100, 110), len(files(t, dir)); used != 3 || later != 10 || all > 20 {
		t.Errorf("of those in use %d are there, of the later ones %d, in all %d files", used, later, all)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("a half-written file stays")
	}
}

func firstKey(n int) cdna.CacheKey {
	key, _ := block(n)
	return key
}

// TestLinkAndForeign: the limit holds where the directory is a link, and what is not the cache's stays.
func TestLinkAndForeign(t *testing.T) {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	past := time.Now().Add(-2 * time.Hour)
	var foreign []string
	for _, name := range []string{"a.partial", "a.block", "00/a.partial", "00/a.block", "downloads/1.partial"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if err == nil {
			err = os.WriteFile(path, make([]byte, 30*blockBytes), 0o666)
		}
		if err == nil {
			err = os.Chtimes(path, past, past)
		}
		if err != nil {
			t.Fatal(err)
		}
		foreign = append(foreign, path)
	}
	c := open(t, link, 20)
	for i := range 100 {
		key, p := block(i)
		c.Put(key, p)
	}
	if n := has(t, c, 0, 100); n != 20 {
		t.Errorf("it has %d blocks", n)
	}
	for _, path := range foreign {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestShared: processes that write, read and remove at once see whole blocks, and hardly exceed the limit.
func TestShared(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for w := range 4 {
		c := open(t, dir, 64)
		all.Go(func() {
			for i := range 200 {
				n := (i*7 + w*50) % 150
				key, p := block(n)
				c.Put(key, p)
				has(t, c, n, n+1)
				if i%10 == 0 {
					c.Remove(key)
				}
			}
		})
	}
	all.Wait()
	if n := len(files(t, dir)); n > 64+4*64/16 {
		t.Errorf("%d files", n)
	}
	for _, name := range files(t, dir) {
		if strings.HasSuffix(name, ".partial") {
			t.Error(name)
		}
	}
	if _, err := blockcache.Open(dir, 0); err == nil {
		t.Error("a cache of nothing")
	}
}
