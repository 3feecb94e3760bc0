package cdna

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Verify reads, unpacks and hashes every block with that many threads (0: GOMAXPROCS), each holding one block. It
// returns the error of the first bad block, whatever the number of threads, or ctx's own.
func (f *Blocks) Verify(ctx context.Context, threads int) error {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	var (
		next  atomic.Int64
		stop  atomic.Bool
		group sync.WaitGroup
		mu    sync.Mutex
		bad   = len(f.blocks)
		first error
	)
	for range min(threads, len(f.blocks)) {
		group.Go(func() {
			buf := take(&f.plain, f.MaxBlockLen())
			defer f.plain.Put(buf)
			// Blocks are handed out in order and each is finished, so all those before a bad one are looked at.
			for !stop.Load() && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(f.blocks) {
					return
				}
				if _, err := f.ReadBlock(ctx, (*buf)[:f.blocks[i].DecompLen], i, nil); err != nil {
					stop.Store(true)
					mu.Lock()
					if i < bad {
						bad, first = i, err
					}
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	if first != nil {
		return first
	}
	return ctx.Err()
}
