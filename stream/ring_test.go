package stream

import (
	"errors"
	"testing"
)

// TestRingLeft: where a worker goes before its strip has met every block, the others do not wait for it.
func TestRingLeft(t *testing.T) {
	r := newRing(2, 1, 2)
	first := r.next(0)
	if first.kind != unpack {
		t.Fatalf("%+v", first)
	}
	r.unpacked(first, nil)
	if next := r.next(0); next.kind != consume {
		t.Fatalf("%+v", next)
	}
	r.consumed(0)
	ended := make(chan task)
	go func() { ended <- r.next(0) }() // the only slot waits for the other strip
	r.leave(1)
	if next := <-ended; next.kind != done {
		t.Errorf("%+v", next)
	}
	if err := r.failure(); !errors.Is(err, errLeft) {
		t.Error(err)
	}
	r = newRing(0, 1, 1)
	r.leave(0)
	if err := r.failure(); err != nil {
		t.Error(err)
	}
}
