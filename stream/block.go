package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// eachBlock calls do for blocks [first, last) on the given number of workers, each
// taking the next block when it has finished one. The first error stops it.
func eachBlock(ctx context.Context, workers, first, last int, do func(worker, block int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	next.Store(int64(first))
	run := func(w int) {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= last {
				return
			}
			if err := do(w, i); err != nil {
				cancel(err)
				return
			}
		}
	}
	var wg sync.WaitGroup
	for w := 1; w < workers; w++ {
		wg.Go(func() { run(w) })
	}
	run(0)
	wg.Wait()
	return context.Cause(ctx)
}

// unpack reads block i and unpacks it to dst, by way of worker w's buffer.
func (m *Matrix) unpack(dst []byte, w, i int, s *Stats) error {
	clock := time.Now()
	if m.file.Stored() {
		err := m.file.ReadCompressed(dst, i)
		lap(&clock, &s.Read)
		return err
	}
	packed := m.engine.buffers.packed[w].bytes[:m.file.Block(i).CompLen]
	if err := m.file.ReadCompressed(packed, i); err != nil {
		return err
	}
	lap(&clock, &s.Read)
	err := m.file.Decompress(dst, packed, i)
	lap(&clock, &s.Decompress)
	return err
}

// fetch unpacks block i into the engine's given buffer and, where the policy asks,
// checks its hash. It returns the block's indices.
func (m *Matrix) fetch(w, buffer, i int, s *Stats) ([]byte, error) {
	indices := m.engine.buffers.unpacked[buffer].bytes[:m.file.Block(i).DecompLen]
	if err := m.unpack(indices, w, i, s); err != nil {
		return nil, err
	}
	if m.verifier.Need(i) {
		clock := time.Now()
		if err := m.file.CheckBlock(i, indices); err != nil {
			return nil, err
		}
		m.verifier.Done(i)
		s.BlocksVerified++
		lap(&clock, &s.Verify)
	}
	m.learn(i, indices)
	return indices, nil
}

// blockRange returns the blocks that hold rows [a, b), at least one.
func (m *Matrix) blockRange(a, b int) (first, last int) {
	rows := m.file.Block(0).Rows
	return a / rows, (b-1)/rows + 1
}
