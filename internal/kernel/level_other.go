//go:build (!amd64 && !arm64) || noasm

package kernel

func availableLevels() []Level { return []Level{Generic} }

func routinesFor(Level) *routines { return nil }
