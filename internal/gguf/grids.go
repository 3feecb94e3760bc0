package gguf

import _ "embed"

// The IQ1, IQ2 and IQ3 types store vectors of 8 or 4 elements as indices into
// fixed grids: chosen points of the lattice {v0, v1, …}^n. A grid lists its points
// in ascending order, the first coordinate counting least; so it is a set, and
// grids.bin holds one bit for each point of the lattice, lowest bit first: whether
// the grid has it. The sets are those of ggml-common.h (iq2xxs_grid, …).
//
//go:embed grids.bin
var gridBits string

// Byte ranges of grids.bin: 3^8 points take 821 bytes, 8^4 take 512.
const (
	points8 = (6561 + 7) / 8
	points4 = 4096 / 8
)

var (
	gridIQ2XXS = (*[256][8]int8)(grid8(gridBits[0*points8:], [3]int8{8, 25, 43}))
	gridIQ2XS  = (*[512][8]int8)(grid8(gridBits[1*points8:], [3]int8{8, 25, 43}))
	gridIQ2S   = (*[1024][8]int8)(grid8(gridBits[2*points8:], [3]int8{8, 25, 43}))
	gridIQ1    = (*[2048][8]int8)(grid8(gridBits[3*points8:], [3]int8{-1, 0, 1}))
	gridIQ3XXS = (*[256][4]int8)(grid4(gridBits[4*points8:], [8]int8{4, 12, 20, 28, 36, 44, 52, 62}))
	gridIQ3S   = (*[512][4]int8)(grid4(gridBits[4*points8+points4:], [8]int8{1, 3, 5, 7, 9, 11, 13, 15}))
)

// grid8 returns the points of a set in {values}^8.
func grid8(set string, values [3]int8) (grid [][8]int8) {
	for k := range 6561 {
		if set[k/8]>>(k%8)&1 == 0 {
			continue
		}
		var point [8]int8
		for i := range point {
			point[i] = values[k%3]
			k /= 3
		}
		grid = append(grid, point)
	}
	return grid
}

// grid4 returns the points of a set in {values}^4.
func grid4(set string, values [8]int8) (grid [][4]int8) {
	for k := range 4096 {
		if set[k/8]>>(k%8)&1 == 0 {
			continue
		}
		grid = append(grid, [4]int8{values[k&7], values[k>>3&7], values[k>>6&7], values[k>>9]})
	}
	return grid
}
