//go:build (!amd64 && !arm64) || noasm

package kernel

// integerSets: none here.
func integerSets() []*integerRoutines { return nil }

// integerRoutinesFor returns nil: portable Go.
func integerRoutinesFor(Level) *integerRoutines { return nil }
