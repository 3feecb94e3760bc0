//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

var (
	integerNEON = integerRoutines{
		features: "neon", width: 2,
		dot: [integerTileWidth + 1]integerDotFunc{1: integerDot1NEON, 2: integerDot2NEON},
	}
	integerSDOT = integerRoutines{
		features: "sdot", width: 4,
		dot: [integerTileWidth + 1]integerDotFunc{1: integerDot1SDOT, 2: integerDot2SDOT, 3: integerDot3SDOT, 4: integerDot4SDOT},
	}
)

// integerSets returns the assembly of the integer canon that this machine can run, the best last.
func integerSets() []*integerRoutines {
	sets := []*integerRoutines{&integerNEON}
	if cpu.ARM64.HasASIMDDP {
		sets = append(sets, &integerSDOT)
	}
	return sets
}

// integerRoutinesFor returns the assembly of the integer canon for an available level, nil if it has none.
func integerRoutinesFor(l Level) *integerRoutines {
	if l == NEON {
		sets := integerSets()
		return sets[len(sets)-1]
	}
	return nil
}

// Products of one and two vectors of a panel.

//go:noescape
func integerDot1NEON(y *float32, values, biases *byte, width int, codes *byte, groups int)

//go:noescape
func integerDot2NEON(y *float32, values, biases *byte, width int, codes *byte, groups int)

// Those of one to four, with dot-product instructions.

//go:noescape
func integerDot1SDOT(y *float32, values, biases *byte, width int, codes *byte, groups int)

//go:noescape
func integerDot2SDOT(y *float32, values, biases *byte, width int, codes *byte, groups int)

//go:noescape
func integerDot3SDOT(y *float32, values, biases *byte, width int, codes *byte, groups int)

//go:noescape
func integerDot4SDOT(y *float32, values, biases *byte, width int, codes *byte, groups int)
