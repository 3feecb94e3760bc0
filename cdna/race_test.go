//go:build race

package cdna

// The race detector makes sync.Pool drop buffers at random, so allocations are not counted under it.
const raceEnabled = true
