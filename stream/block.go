package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
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

// blocks read the blocks of one file into an engine's buffers.
type blocks struct {
	engine   *Engine
	file     *cdna.Blocks
	verifier *cdna.Verifier
}

// unpack reads block i and unpacks it to dst, by way of worker w's buffer.
func (b *blocks) unpack(dst []byte, w, i int, s *Stats) error {
	clock := time.Now()
	if b.file.Stored() {
		err := b.file.ReadCompressed(dst, i)
		lap(&clock, &s.Read)
		return err
	}
	packed := b.engine.buffers.packed[w].bytes[:b.file.Block(i).CompLen]
	if err := b.file.ReadCompressed(packed, i); err != nil {
		return err
	}
	lap(&clock, &s.Read)
	err := b.file.Decompress(dst, packed, i)
	lap(&clock, &s.Decompress)
	return err
}

// checkLoaded checks the hash of block i, which stays in memory, whatever the policy, unless
// that is cdna.Off.
func (b *blocks) checkLoaded(i int, plain []byte) error {
	if b.verifier.Off() {
		return nil
	}
	if err := b.file.CheckBlock(i, plain); err != nil {
		return err
	}
	b.verifier.Done(i)
	return nil
}

// fetch unpacks block i to dst and, where the policy asks, checks its hash.
func (b *blocks) fetch(dst []byte, w, i int, s *Stats) error {
	if err := b.unpack(dst, w, i, s); err != nil {
		return err
	}
	if !b.verifier.Need(i) {
		return nil
	}
	clock := time.Now()
	if err := b.file.CheckBlock(i, dst); err != nil {
		return err
	}
	b.verifier.Done(i)
	s.BlocksVerified++
	lap(&clock, &s.Verify)
	return nil
}

// fetch unpacks block i into the engine's given buffer and, where the policy asks,
// checks its hash. It returns the block's indices.
func (m *Matrix) fetch(w, buffer, i int, s *Stats) ([]byte, error) {
	indices := m.engine.buffers.unpacked[buffer].bytes[:m.file.Block(i).DecompLen]
	if err := m.blocks().fetch(indices, w, i, s); err != nil {
		return nil, err
	}
	m.learn(i, indices)
	return indices, nil
}

func (m *Matrix) blocks() *blocks {
	return &blocks{m.engine, &m.file.Blocks, m.verifier}
}

// blockRange returns the blocks that hold rows [a, b), at least one.
func blockRange(f File, a, b int) (first, last int) {
	rows := f.Block(0).Rows
	return a / rows, (b-1)/rows + 1
}
