package stream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
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
	experts  *expertBlocksOf // nil for none
	formed   []atomic.Uint64 // a bit for each block whose hash has been compared and whose tiles are well-formed, as far as known
}

// readTo reads block i, as it is packed, to dst, if it does not lie in a cache of experts already, and returns where it lies, and its
// place's state if that is in a cache.
func (b *blocks) readTo(ctx context.Context, dst []byte, i int) ([]byte, *atomic.Uint32, error) {
	if b.experts != nil {
		return b.experts.read(ctx, dst, i)
	}
	return dst, nil, b.file.ReadCompressed(ctx, dst, i)
}

// read reads block i, as it is packed, to worker w's buffer, or finds it where it is held.
func (b *blocks) read(ctx context.Context, w, i int, s *Stats) ([]byte, *atomic.Uint32, error) {
	clock := time.Now()
	packed, state, err := b.readTo(ctx, b.engine.buffers.packed[w].bytes[:b.file.Block(i).CompLen], i)
	lap(&clock, &s.Read)
	return packed, state, err
}

// unpack reads block i and unpacks it to dst, by way of worker w's buffer. It returns its packed bytes, and those that its hash is of.
func (b *blocks) unpack(ctx context.Context, dst []byte, w, i int, s *Stats) (packed, hashed []byte, err error) {
	clock := time.Now()
	if b.file.Stored() {
		stored, _, err := b.readTo(ctx, dst, i)
		if err == nil && &stored[0] != &dst[0] {
			copy(dst, stored)
		}
		lap(&clock, &s.Read)
		return dst, dst, err
	}
	if packed, _, err = b.read(ctx, w, i, s); err != nil {
		return nil, nil, err
	}
	clock = time.Now()
	err = b.file.Decompress(dst, packed, i)
	lap(&clock, &s.Decompress)
	if b.file.InTiles() {
		return packed, packed, err
	}
	return packed, dst, err
}

// checkLoaded checks the hash of block i, which stays in memory, whatever the policy, unless
// that is cdna.Off.
func (b *blocks) checkLoaded(i int, packed, hashed []byte) error {
	if b.verifier.Off() {
		return nil
	}
	if err := b.file.CheckBlock(i, hashed); err != nil {
		return err
	}
	b.found(i, packed)
	return nil
}

// found takes note that block i, of these packed bytes, is right.
func (b *blocks) found(i int, packed []byte) {
	b.verifier.Done(i, packed)
	b.file.Keep(i, packed)
}

// remembers tells whether packed bytes matter when a block has been found right.
func (b *blocks) remembers() bool { return b.verifier.Recognizes() || b.file.Caches() }

// checkTwoLoaded is checkLoaded of blocks i and i+1.
func (b *blocks) checkTwoLoaded(i int, packed, hashed [2][]byte) error {
	if b.verifier.Off() {
		return nil
	}
	if err := b.file.CheckTwoBlocks(i, hashed[0], hashed[1]); err != nil {
		return err
	}
	for k := range packed {
		b.found(i+k, packed[k])
	}
	return nil
}

// fetch unpacks block i to dst and, where the policy asks, checks its hash.
func (b *blocks) fetch(ctx context.Context, dst []byte, w, i int, s *Stats) error {
	packed, hashed, err := b.unpack(ctx, dst, w, i, s)
	if err == nil {
		_, err = b.checkNeeded(i, packed, hashed, s)
	}
	return b.distrusted(i, err)
}

// distrusted returns an error of block i, which is not used from a cache of experts after it.
func (b *blocks) distrusted(i int, err error) error {
	if err != nil && b.experts != nil {
		b.experts.distrust(i)
	}
	return err
}

// fetchTiles reads block i of a file in tiles and, where the policy asks, checks its hash. It opens the block as m, which is
// valid until worker w reads another. What is held in memory is checked when it is used first, as what is resident is when it is loaded.
func (b *blocks) fetchTiles(ctx context.Context, m *tiles.Matrix, w, i int, s *Stats) error {
	packed, state, err := b.read(ctx, w, i, s)
	if err != nil {
		return b.distrusted(i, err)
	}
	if state != nil && state.Load() == sound {
		return m.Reopen(packed, b.file.Block(i).Rows, b.file.Cols())
	}
	compared, err := b.checkNeeded(i, packed, packed, s)
	if err != nil {
		return b.distrusted(i, err)
	}
	if b.formed[i/64].Load()>>(i%64)&1 != 0 {
		if err := m.OpenKnown(packed, b.file.Block(i).Rows, b.file.Cols()); err != nil {
			return b.distrusted(i, b.noTiles(i, err))
		}
	} else {
		if err := b.openTiles(m, i, packed); err != nil {
			return b.distrusted(i, err)
		}
		if compared {
			b.formed[i/64].Or(1 << (i % 64))
		}
	}
	if state != nil {
		state.Store(sound)
	}
	return nil
}

// openTiles opens block i of a file in tiles. Bytes that are none are cdna.ErrCorrupt.
func (b *blocks) openTiles(m *tiles.Matrix, i int, packed []byte) error {
	if err := m.Open(packed, b.file.Block(i).Rows, b.file.Cols()); err != nil {
		return b.noTiles(i, err)
	}
	return nil
}

func (b *blocks) noTiles(i int, err error) error {
	return fmt.Errorf("%s: block %d: %w: %w", b.file.Name(), i, cdna.ErrCorrupt, err)
}

// checkNeeded checks the hash of block i where the policy asks, and tells whether it does.
func (b *blocks) checkNeeded(i int, packed, hashed []byte, s *Stats) (verified bool, err error) {
	clock := time.Now()
	if verified, err = b.file.CheckNeeded(i, packed, hashed, b.verifier); verified {
		s.BlocksVerified++
	}
	lap(&clock, &s.Verify)
	return verified, err
}

// blockRange returns the blocks that hold rows [a, b), at least one.
func blockRange(f *cdna.Blocks, a, b int) (first, last int) {
	rows := f.Block(0).Rows
	return a / rows, (b-1)/rows + 1
}
