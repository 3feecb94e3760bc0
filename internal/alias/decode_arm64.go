//go:build !noasm

package alias

// hasVector says whether decodeVector can run.
var hasVector = true

// decodeVector is decodeNEON.
func decodeVector(dst *byte, quads int, words *byte, left int, states *[lanes]uint32, tables, plan, raw *byte) (done, taken, rawTaken int) {
	return decodeNEON(dst, quads, words, left, states, tables, plan, raw, &spread)
}

// decodeNEON decodes at most quads times four steps, as long as 64 of the words are left before each four. It returns how many
// fours these were, and how many words and raw bytes they took. 16 bytes behind the raw ones may be read.
//
//go:noescape
func decodeNEON(dst *byte, quads int, words *byte, left int, states *[lanes]uint32, tables, plan, raw *byte, spread *[256][16]byte) (done, taken, rawTaken int)

// rawControls are, by the number of raw bits, for codes 0 … 15 of a step and then the others: the bytes that have the lower and the upper
// part of each code's, by how much these are shifted to the left, and in the end a mask.
//
//lint:ignore U1000 decodeNEON reads it.
var rawControls = func() (controls [maxExtra + 1][9][16]uint8) {
	for bits := range controls {
		c := &controls[bits]
		for p := range Step {
			part, at := c[p/16*4:], p*bits
			part[0][p%16], part[1][p%16] = uint8(at/8), uint8(at/8+1)
			part[2][p%16], part[3][p%16] = uint8(-(at % 8)), uint8(8-at%8)
			c[8][p%16] = 1<<bits - 1
		}
	}
	return controls
}()
