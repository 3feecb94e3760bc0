//go:build !noasm

package kernel

// availableLevels: Go asks for NEON on every arm64 machine.
func availableLevels() []Level { return []Level{Generic, NEON} }

// routinesFor returns the assembly of a level, nil if it has none.
func routinesFor(l Level) *routines {
	if l == NEON {
		return &routinesNEON
	}
	return nil
}
