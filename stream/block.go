package stream

import "time"

// load reads block i into b, unpacks it and, where the policy asks, checks its
// hash. It returns the block's indices, which lie in b.
func (m *Matrix) load(b *buffer, i int, s *Stats) ([]byte, error) {
	info := m.file.Block(i)
	compressed, indices := b.compressed[:info.CompLen], b.indices[:info.DecompLen]
	clock := time.Now()
	if err := m.file.ReadCompressed(compressed, i); err != nil {
		return nil, err
	}
	lap(&clock, &s.Read)
	if err := m.file.Decompress(indices, compressed, i); err != nil {
		return nil, err
	}
	lap(&clock, &s.Decompress)
	if m.verifier.Need(i) {
		if err := m.file.CheckBlock(i, indices); err != nil {
			return nil, err
		}
		m.verifier.Done(i)
		s.BlocksVerified++
		lap(&clock, &s.Verify)
	}
	return indices, nil
}

// blockRange returns the blocks that hold rows [a, b), at least one.
func (m *Matrix) blockRange(a, b int) (first, last int) {
	rows := m.file.Block(0).Rows
	return a / rows, (b-1)/rows + 1
}
