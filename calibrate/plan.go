package calibrate

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// leastChunk is how many tokens go through a layer together at least: as in package
// transformer, what the smallest limit has room for.
const leastChunk = 16

// plan says where the memory goes.
type plan struct {
	chunk  int            // tokens that go through a layer together
	ledger *memory.Ledger // of what lies outside of the Go heap; nil without a limit
}

// demand is what layers are run for, beside their weights and passes.
type demand struct {
	sums  bool   // Σ of a layer's inputs is summed
	heap  int64  // more of the Go heap
	other int64  // weights of a matrix that stands in for one of the layer
	what  string // for a message
	since int64  // what the process has held at its highest; 0: no more than now
}

// planMemory decides how many tokens go together within a limit, which memory.ErrLimit says is too
// small. What the process holds now is a part of the plan, and what it has held before a bound for
// it. Results do not depend on it.
func planMemory(l *transformer.Layers, limit memory.Limit, d demand) (*plan, error) {
	// Buffers of files, of what is read of weights, and of embeddings.
	const buffers = 2 << 20
	layer := int64(0)
	for i := range l.Config.Layers + 1 {
		n := int64(0)
		if i < l.Config.Layers {
			n = l.Memory(i)
		}
		if d.sums {
			for _, in := range inputs(l, i) {
				n += gramBytes(in.Len)
			}
		}
		layer = max(layer, n)
	}
	layer += 4 * int64(l.Context()) * int64(l.Config.Hidden) // a window
	layer += 4 * d.other
	held := memory.Held()
	need := func(chunk int) (share, all int64) {
		reserved, heap := l.Passes(chunk)
		share = memory.Share(held, heap+d.heap+buffers)
		return share, share + reserved + layer
	}
	least := min(leastChunk, l.Context())
	if _, all := need(least); limit.Source != memory.None && max(all, d.since) > limit.Bytes {
		return nil, limit.TooSmall(fmt.Sprintf("%s with windows of %d tokens", d.what, l.Context()), max(all, memory.Again(d.since)))
	}
	p := &plan{chunk: l.Context()}
	if limit.Source == memory.None {
		return p, nil
	}
	share, all := need(p.chunk)
	for all > limit.Bytes {
		p.chunk = max(least, p.chunk/2)
		share, all = need(p.chunk)
	}
	p.ledger = memory.NewLedger(limit.Bytes - share)
	memory.Settle(share)
	return p, nil
}

// gramBytes is what a Σ takes while it is summed.
func gramBytes(n int) int64 { return 8 * int64(n) * int64(n) }

// inputs are those of a layer that get a Σ.
func inputs(l *transformer.Layers, layer int) []*transformer.Input {
	var list []*transformer.Input
	all := l.Inputs(layer)
	for i := range all {
		if all[i].Len <= MaxInput {
			list = append(list, &all[i])
		}
	}
	return list
}

// buffer is memory outside of the Go heap.
type buffer struct {
	ledger *memory.Ledger
	bytes  []byte
}

// newBuffer takes n zeroed bytes of the plan's.
func (p *plan) newBuffer(what string, n int64) (buffer, error) {
	if err := p.ledger.Reserve(what, n); err != nil {
		return buffer{}, err
	}
	bytes, err := offheap.Alloc(int(n))
	if err != nil {
		p.ledger.Release(n)
	}
	return buffer{p.ledger, bytes}, err
}

func (b *buffer) free() error {
	if b.bytes == nil {
		return nil
	}
	b.ledger.Release(int64(len(b.bytes)))
	err := offheap.Free(b.bytes)
	b.bytes = nil
	return err
}

// freeAll frees buffers.
func freeAll(list []buffer) error {
	var errs []error
	for i := range list {
		errs = append(errs, list[i].free())
	}
	return errors.Join(errs...)
}
