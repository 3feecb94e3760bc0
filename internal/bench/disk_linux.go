package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/helix-substrate/helix-substrate/internal/offheap"
)

// directRead is how much is read at a time, about a packed block of weights. It is a multiple of every disk's unit.
const directRead = 128 << 10

// readDirect reads files past the page cache, in requests of size bytes, so many at once, and returns how much that was and how long it took. Where
// the file system does not offer that, it is errors.ErrUnsupported.
func readDirect(ctx context.Context, paths []string, size int64, depth int) (bytes int64, seconds float64, err error) {
	type request struct {
		file *os.File
		off  int64
	}
	var requests []request
	for _, path := range paths {
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
		if errors.Is(err, unix.EINVAL) {
			return 0, 0, fmt.Errorf("%s: direct reading: %w", path, errors.ErrUnsupported)
		}
		if err != nil {
			return 0, 0, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return 0, 0, err
		}
		for off := int64(0); off < info.Size(); off += size {
			requests = append(requests, request{f, off})
		}
		bytes += info.Size()
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for range depth {
		g.Go(func() error {
			buf, err := offheap.Alloc(int(size))
			if err != nil {
				return err
			}
			defer offheap.Free(buf)
			for i := next.Add(1) - 1; i < int64(len(requests)); i = next.Add(1) - 1 {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				r := &requests[i]
				_, err := unix.Pread(int(r.file.Fd()), buf, r.off)
				if errors.Is(err, unix.EINVAL) {
					return fmt.Errorf("%s: direct reading: %w", r.file.Name(), errors.ErrUnsupported)
				}
				if err != nil {
					return &os.PathError{Op: "read", Path: r.file.Name(), Err: err}
				}
			}
			return nil
		})
	}
	err = g.Wait()
	return bytes, time.Since(start).Seconds(), err
}
