package stream

import "time"

// Stats tells what a product did.
type Stats struct {
	// FirstBlock and LastBlock bound the blocks used: [FirstBlock, LastBlock).
	FirstBlock, LastBlock int
	// BlocksVerified counts the blocks whose hash this product checked.
	BlocksVerified int
	// Corrections counts the sidecar's outliers among the rows used.
	Corrections int
	// Duration is the wall time; the times below are summed over Workers.
	Duration                                   time.Duration
	Workers                                    int
	Read, Decompress, Verify, Sidecar, Compute time.Duration
	// BufferBytes is the memory held for blocks in flight, and for corrections.
	BufferBytes int64
	// ResidentBytes is the memory that the matrix itself holds, 0 while streamed.
	ResidentBytes int64
}

// add sums another worker's counts and times into s.
func (s *Stats) add(o *Stats) {
	s.BlocksVerified += o.BlocksVerified
	s.Read += o.Read
	s.Decompress += o.Decompress
	s.Verify += o.Verify
	s.Sidecar += o.Sidecar
	s.Compute += o.Compute
}

// Other is the workers' time that no other figure holds: waiting, packing X,
// starting and stopping.
func (s *Stats) Other() time.Duration {
	return max(0, s.Duration*time.Duration(s.Workers)-s.Read-s.Decompress-s.Verify-s.Sidecar-s.Compute)
}

// lap adds the time since *from to *to and restarts *from.
func lap(from *time.Time, to *time.Duration) {
	now := time.Now()
	*to += now.Sub(*from)
	*from = now
}
