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
	share  int64          // the program's, while layers run
	chunk  int            // tokens that go through a layer together
	ledger *memory.Ledger // of what lies outside of the Go heap; nil without a limit
}

// demand is what layers are run for, beside their weights and passes.
type demand struct {
	sums  bool   // Σ of a layer's inputs is summed
	drift bool   // the drift of one input at a time is summed, and other weights stand in for all of the layer's
	later int64  // of the Go heap, when no layer is open
	heap  int64  // more of the Go heap
	other int64  // float32 besides, such as weights of a matrix that stands in for one of the layer
	what  string // for a message
	since int64  // what the process has held at its highest; 0: no more than now
}

// planMemory decides how many tokens go together within a limit, which memory.ErrLimit says is too
// small. What the process holds now is a part of the plan, and what it has held before a bound for
// it. Results do not depend on it.
func planMemory(l *transformer.Layers, limit memory.Limit, d demand) (*plan, error) {
	// Buffers of files, of what is read of weights, and of embeddings.
	const buffers = 2 << 20
	layer, lost := int64(0), int64(0)
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
		if d.drift && i < l.Config.Layers {
			sums := largestDrift(l, i)
			n, lost = n+4*l.Weights(i)+sums, max(lost, sums)
		}
		layer = max(layer, n)
	}
	besides := 4*int64(l.Context())*int64(l.Width()) + 4*d.other // the first is a window
	layer += besides
	held := memory.Held()
	need := func(chunk int) (share, all int64) {
		reserved, heap := l.Passes(chunk)
		share = memory.Share(held, heap+d.heap+buffers)
		all = share + reserved + layer
		if d.later > 0 {
			all = max(all, memory.Share(held, heap+d.heap+buffers+d.later)+reserved+besides+lost)
		}
		return share, all
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
	p.share, p.ledger = share, memory.NewLedger(limit.Bytes-share)
	memory.Settle(share)
	return p, nil
}

// largestDrift is the most that the sums of a layer's input take when its drift is measured.
func largestDrift(l *transformer.Layers, layer int) (n int64) {
	for _, in := range inputs(l, layer) {
		n = max(n, gramBytes(in.Len)+lostBytes(l, in))
	}
	return n
}

// lostBytes is what Drift.Lost of an input takes.
func lostBytes(l *transformer.Layers, in *transformer.Input) int64 {
	if in.Adds {
		return 8 * int64(l.Config.Hidden) * int64(in.Len)
	}
	return gramBytes(in.Len)
}

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
