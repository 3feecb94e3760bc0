//go:build race

package kernel

// raceEnabled: under the race detector a sync.Pool forgets at random.
const raceEnabled = true
