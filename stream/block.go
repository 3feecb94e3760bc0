package stream

import (
	"context"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/workers"
)

// eachBlock calls do for blocks [first, last) on the given number of workers, each
// taking the next block when it has finished one. The first error stops it.
func (e *Engine) eachBlock(ctx context.Context, threads, first, last int, do func(worker, block int) error) error {
	return e.pool.Run(ctx, threads, last-first, workers.Func(func(w, i int) error { return do(w, first+i) }))
}

// blocks read the blocks of one file into an engine's buffers.
type blocks struct {
	engine   *Engine
	file     *cdna.Blocks
	verifier *cdna.Verifier
}

// unpack reads block i and unpacks it to dst, by way of worker w's buffer.
func (b *blocks) unpack(ctx context.Context, dst []byte, w, i int, s *Stats) error {
	clock := time.Now()
	if b.file.Stored() {
		err := b.file.ReadCompressed(ctx, dst, i)
		lap(&clock, &s.Read)
		return err
	}
	packed := b.engine.buffers.packed[w].bytes[:b.file.Block(i).CompLen]
	if err := b.file.ReadCompressed(ctx, packed, i); err != nil {
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
func (b *blocks) fetch(ctx context.Context, dst []byte, w, i int, s *Stats) error {
	if err := b.unpack(ctx, dst, w, i, s); err != nil {
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

// blockRange returns the blocks that hold rows [a, b), at least one.
func blockRange(f *cdna.Blocks, a, b int) (first, last int) {
	rows := f.Block(0).Rows
	return a / rows, (b-1)/rows + 1
}
