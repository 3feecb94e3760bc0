//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

// quantizeNEON are by places and steps.
var quantizeNEON = [2][2]quantizeFunc{{quantize32x32NEON, quantize32x16NEON}, {quantize16x32NEON, quantize16x16NEON}}

var (
	integerNEON = integerRoutines{
		features: "neon", width: 2,
		dot:      [integerTileWidth + 1]integerDotFunc{1: integerDot1NEON, 2: integerDot2NEON},
		starts:   [integerHalfStripWidth + 1]stripStartsFunc{1: stripStartsNEON, 2: stripStartsNEON},
		tileSums: [integerHalfStripWidth + 1]stripTilesFunc{1: stripTiles1NEON, 2: stripTiles2NEON},
		quantize: quantizeNEON, interleave: interleaveNEON,
	}
	integerSDOT = integerRoutines{
		features: "sdot", width: 4,
		dot:      [integerTileWidth + 1]integerDotFunc{1: integerDot1SDOT, 2: integerDot2SDOT, 3: integerDot3SDOT, 4: integerDot4SDOT},
		starts:   [integerHalfStripWidth + 1]stripStartsFunc{1: stripStartsNEON, 2: stripStartsNEON, 3: stripStartsNEON, 4: stripStartsNEON},
		tileSums: [integerHalfStripWidth + 1]stripTilesFunc{1: stripTiles1SDOT, 2: stripTiles2SDOT, 3: stripTiles3SDOT, 4: stripTiles4SDOT},
		quantize: quantizeNEON, interleave: interleaveNEON,
	}
	integerI8MM = integerRoutines{
		features: "i8mm", width: 6,
		dot:    [integerTileWidth + 1]integerDotFunc{1: integerDot1SDOT, 2: integerDot2I8MM, 3: integerDot3I8MM, 4: integerDot4I8MM, 5: integerDot5I8MM, 6: integerDot6I8MM},
		starts: integerSDOT.starts, tileSums: integerSDOT.tileSums,
		quantize: quantizeNEON, interleave: interleaveNEON,
	}
)

// integerSets returns the assembly of the integer canon that this machine can run, the best last.
func integerSets() []*integerRoutines {
	sets := []*integerRoutines{&integerNEON}
	if cpu.ARM64.HasASIMDDP {
		sets = append(sets, &integerSDOT)
		if cpu.ARM64.HasI8MM {
			sets = append(sets, &integerI8MM)
		}
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

// Those of two to six, with matrix instructions.

//go:noescape
func integerDot2I8MM(y *float32, values, biases *byte, width int, codes *byte, groups int)

//go:noescape
func integerDot3I8MM(y *float32, values, biases *byte, width int, codes *byte, groups int)

//go:noescape
func integerDot4I8MM(y *float32, values, biases *byte, width int, codes *byte, groups int)

//go:noescape
func integerDot5I8MM(y *float32, values, biases *byte, width int, codes *byte, groups int)

//go:noescape
func integerDot6I8MM(y *float32, values, biases *byte, width int, codes *byte, groups int)

// What the sums of packed strips begin with, for as many vectors as width says, and products with their tiles.

//go:noescape
func stripStartsNEON(sums *int32, values, biases *byte, width int, widths, counts, list *byte, tiles int, looked *byte)

//go:noescape
func stripTiles1NEON(y *float32, sums *int32, values, biases *byte, width int, widths, lines *byte, tiles int)

//go:noescape
func stripTiles2NEON(y *float32, sums *int32, values, biases *byte, width int, widths, lines *byte, tiles int)

//go:noescape
func stripTiles1SDOT(y *float32, sums *int32, values, biases *byte, width int, widths, lines *byte, tiles int)

//go:noescape
func stripTiles2SDOT(y *float32, sums *int32, values, biases *byte, width int, widths, lines *byte, tiles int)

//go:noescape
func stripTiles3SDOT(y *float32, sums *int32, values, biases *byte, width int, widths, lines *byte, tiles int)

//go:noescape
func stripTiles4SDOT(y *float32, sums *int32, values, biases *byte, width int, widths, lines *byte, tiles int)

// Vectors are rounded and strips made of rows.

//go:noescape
func quantize32x32NEON(values, biases *byte, width int, x *float32, places, steps *byte, groups int)

//go:noescape
func quantize32x16NEON(values, biases *byte, width int, x *float32, places, steps *byte, groups int)

//go:noescape
func quantize16x32NEON(values, biases *byte, width int, x *float32, places, steps *byte, groups int)

//go:noescape
func quantize16x16NEON(values, biases *byte, width int, x *float32, places, steps *byte, groups int)

//go:noescape
func interleaveNEON(codes, rows *byte, ld, groups int)
