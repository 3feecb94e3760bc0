//go:build !noasm

package rans

import (
	"math/bits"

	"golang.org/x/sys/cpu"
)

var (
	hasAVX2   = cpu.X86.HasAVX2 && cpu.X86.HasPOPCNT
	hasAVX512 = hasAVX2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL
)

// fill sets the entries.
func (d *Decoder) fill(f *Frequencies) {
	if hasAVX512 {
		fillAVX512(&d.entries, f)
	} else {
		d.fillPortable(f)
	}
}

// steps decodes whole steps of 32 symbols as long as there are words for all
// states, and returns how many symbols that were.
func (d *Decoder) steps(dst []byte) int {
	if len(dst) < lanes || len(d.words) < 2*lanes {
		return 0
	}
	var steps, taken int
	switch {
	case hasAVX512:
		steps, taken = decodeAVX512(&dst[0], len(dst)/lanes, &d.words[0], len(d.words)/2, &d.states, &d.entries)
	case hasAVX2:
		steps, taken = decodeAVX2(&dst[0], len(dst)/lanes, &d.words[0], len(d.words)/2, &d.states, &d.entries, &ranks)
	}
	d.words = d.words[2*taken:]
	return steps * lanes
}

// ranks are, for eight bits that say which states need a word, which of the next
// words each state has.
var ranks = func() (r [256][8]byte) {
	for mask := range r {
		for i := range r[mask] {
			r[mask][i] = byte(bits.OnesCount(uint(mask) & (1<<i - 1)))
		}
	}
	return r
}()

// fillAVX512 sets the entries of frequencies that sum to 4096.
//
//go:noescape
func fillAVX512(entries *[tableSize + vectorLen]uint32, f *Frequencies)

// decodeAVX512 decodes at most steps times 32 symbols, as long as 32 of the words
// are left before each step, and returns how many steps and words it took.
//
//go:noescape
func decodeAVX512(dst *byte, steps int, words *byte, left int, states *[lanes]uint32, entries *[tableSize + vectorLen]uint32) (done, taken int)

// decodeAVX2 is decodeAVX512 with half the width.
//
//go:noescape
func decodeAVX2(dst *byte, steps int, words *byte, left int, states *[lanes]uint32, entries *[tableSize + vectorLen]uint32, ranks *[256][8]byte) (done, taken int)
