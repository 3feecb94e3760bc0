package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Instructions that have another name for each width.

func move(m machine, from, to Op) {
	if m.zmm {
		VMOVDQU8(from, to)
	} else {
		VMOVDQU(from, to)
	}
}

func and(m machine, a, b, to Op) {
	if m.zmm {
		VPANDD(a, b, to)
	} else {
		VPAND(a, b, to)
	}
}

func zero(m machine, v reg.VecVirtual) {
	if m.zmm {
		VPXORD(v, v, v)
	} else {
		VPXOR(v, v, v)
	}
}

// broadcastD sets every 32-bit element of v.
func broadcastD(value uint32, v reg.VecVirtual) {
	r, x := GP32(), XMM()
	MOVL(U32(value), r)
	VMOVD(r, x)
	VPBROADCASTD(x, v)
}

// constantD is a register full of one 32-bit value. With 16 registers only, it
// stays in memory.
func constantD(m machine, value uint32) Op {
	if m.zmm {
		v := ZMM()
		broadcastD(value, v)
		return v
	}
	return constant(m, fmt.Sprintf("x%08X", value), func() {
		for i := range 8 {
			DATA(4*i, U32(value))
		}
	})
}

// constants holds the read-only data of the file, each written on first use.
var constants = map[string]Mem{}

func constant(m machine, name string, data func()) Mem {
	name += m.suffix()
	if mem, ok := constants[name]; ok {
		return mem
	}
	mem := GLOBL(name, 8|16) // RODATA|NOPTR
	data()
	constants[name] = mem
	return mem
}

// column returns the column that a lane takes in a step (see kernel.slot).
func column(step, lane int) int {
	q, p, h, o := lane/4, lane%4, step/2, step%2
	return 16*q + 8*h + 2*p + o
}

// laneColumns is the table of all 64: [step][lane]uint32.
func laneColumns(m machine) Mem {
	return constant(m, "laneColumns", func() {
		for i := range 64 {
			DATA(4*i, U32(column(i/16, i%16)))
		}
	})
}

// orderBytes is the permutation of index bytes that makes lane order look like
// column order: what step s looks up for lane l is then column 16·s + l.
func orderBytes() []byte {
	order := make([]byte, 64)
	for step := range 4 {
		for lane := range 16 {
			order[column(step, lane)] = byte(16*step + lane)
		}
	}
	return order
}

// orderSplit is that permutation in two parts, of 32-bit elements across the
// register and of bytes within each 128 bits.
func orderSplit(m machine) (dwords, bytes []byte) {
	quads := m.bytes() / 16 // 128-bit parts of a register
	dwords = make([]byte, 4*m.bytes()/4)
	bytes = make([]byte, m.bytes())
	for q := range quads {
		for step := range 4 {
			dwords[4*(4*q+step)] = byte(quads*step + q)
			for p := range 4 {
				bytes[column(step, 4*q+p)] = byte(4*step + p)
			}
		}
	}
	return dwords, bytes
}

func bytesConstant(m machine, name string, data []byte) Mem {
	return constant(m, name, func() {
		for i, b := range data {
			DATA(i, U8(b))
		}
	})
}
