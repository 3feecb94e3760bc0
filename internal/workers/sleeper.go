package workers

import (
	"sync/atomic"
	"time"
)

// spinTime is how long to wait in a loop before sleeping: longer than what lies between two products of a token, short
// enough to lose little where nothing follows.
const spinTime = 50 * time.Microsecond

// looks is how often to look before the clock is read.
const looks = 16

// sleeper is what a worker waits with.
type sleeper struct {
	asleep atomic.Bool
	wake   chan struct{} // has room for one
	_      [48]byte      // no cache line is two workers'
}

// wait returns when ready holds or, perhaps without that, after rouse. It looks for a while, if it may spin, and sleeps
// then. What makes ready hold comes before rouse.
func (s *sleeper) wait(spin bool, ready func() bool) {
	if spin {
		for start := time.Now(); time.Since(start) < spinTime; {
			for range looks {
				if ready() {
					return
				}
				pause()
			}
		}
	}
	s.asleep.Store(true)
	// Whoever makes ready hold from here on sees that.
	if ready() && s.asleep.CompareAndSwap(true, false) {
		return
	}
	<-s.wake
}

// rouse wakes the worker if it sleeps, and tells whether it did.
func (s *sleeper) rouse() bool {
	if !s.asleep.Load() || !s.asleep.CompareAndSwap(true, false) {
		return false
	}
	s.wake <- struct{}{}
	return true
}
