//go:build !linux

package uncached

import "os"

// Direct is an open file whose bytes go from the disk straight to where they are wanted: none on this system.
type Direct struct{}

// OpenDirect is ErrUnsupported.
func OpenDirect(*os.File) (*Direct, error) { return nil, ErrUnsupported }

// Close does nothing.
func (d *Direct) Close() error { return nil }

// Queue has reads under way: none on this system.
type Queue struct{}

// NewQueue is ErrUnsupported.
func NewQueue(int) (*Queue, error) { return nil, ErrUnsupported }

// Read is ErrUnsupported.
func (q *Queue) Read(*Direct, []byte, int64, uint64) error { return ErrUnsupported }

// Wait is ErrUnsupported.
func (q *Queue) Wait() (Done, error) { return Done{}, ErrUnsupported }

// Close does nothing.
func (q *Queue) Close() error { return nil }
