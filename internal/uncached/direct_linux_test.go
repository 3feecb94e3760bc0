package uncached_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/internal/uncached"
)

// TestQueue: reads that are under way at once bring each its own bytes, up to the file's end; one that cannot be made says so, and the next works.
func TestQueue(t *testing.T) {
	const unit, units = uncached.Unit, 9
	path := filepath.Join(t.TempDir(), "f")
	want := make([]byte, units*unit+100)
	rand.NewChaCha8([32]byte{}).Read(want)
	if err := os.WriteFile(path, want, 0o666); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	direct, err := uncached.OpenDirect(file)
	if errors.Is(err, uncached.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	q, err := uncached.NewQueue(4)
	if err != nil {
		t.Fatal(err)
	}
	buf, err := offheap.Alloc((units + 1) * unit)
	if err != nil {
		t.Fatal(err)
	}
	defer offheap.Free(buf)
	if err := q.Read(direct, buf[1:unit+1], 0, 0); err == nil {
		if done, err := q.Wait(); err == nil && done.Err == nil && !bytes.Equal(buf[1:unit+1], want[:unit]) {
			t.Error("a read to anywhere brought other bytes")
		}
	}
	clear(buf)
	parts := []int{0, 2, 3, 7, units + 1} // units
	for i := 1; i < len(parts); i++ {
		if err := q.Read(direct, buf[parts[i-1]*unit:parts[i]*unit], int64(parts[i-1]*unit), uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint64]int{}
	for range len(parts) - 1 {
		done, err := q.Wait()
		if err != nil || done.Err != nil {
			t.Fatal(done, err)
		}
		seen[done.Tag] = done.N
	}
	for i := 1; i < len(parts); i++ {
		if n := min(parts[i]*unit, len(want)) - parts[i-1]*unit; seen[uint64(i)] != n {
			t.Errorf("read %d brought %d bytes, want %d", i, seen[uint64(i)], n)
		}
	}
	if !bytes.Equal(buf[:len(want)], want) {
		t.Error("other bytes")
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if err := q.Read(direct, buf[:unit], 0, 0); err == nil {
		t.Error("a queue that is closed reads")
	}
}
