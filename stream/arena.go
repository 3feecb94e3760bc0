package stream

import (
	"math"

	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/memory"
)

// arena is a piece of memory outside the Go heap, accounted in a budget.
type arena struct {
	budget *memory.Ledger
	bytes  []byte
}

// newArena reserves and allocates n bytes.
func newArena(b *memory.Ledger, what string, n int) (arena, error) {
	if err := b.Reserve(what, int64(n)); err != nil {
		return arena{}, err
	}
	bytes, err := offheap.Alloc(n)
	if err != nil {
		b.Release(int64(n))
		return arena{}, err
	}
	return arena{b, bytes}, nil
}

// newWeights is newArena for a matrix, of which all is going to be read again and again.
func newWeights(b *memory.Ledger, what string, n int) (arena, error) {
	a, err := newArena(b, what, n)
	if err == nil {
		offheap.Whole(a.bytes)
	}
	return a, err
}

// release gives the memory back; the arena is empty then.
func (a *arena) release() error {
	if a.bytes == nil {
		return nil
	}
	n := int64(len(a.bytes))
	err := offheap.Free(a.bytes)
	a.bytes = nil
	a.budget.Release(n)
	return err
}

// float32s returns the memory as float32, zeroed at first.
func (a *arena) float32s() []float32 { return offheap.Float32s(a.bytes) }

// uint16s returns the memory as uint16, zeroed at first.
func (a *arena) uint16s() []uint16 { return offheap.Uint16s(a.bytes) }

func bf16ToFloat32(v uint16) float32 { return math.Float32frombits(uint32(v) << 16) }
