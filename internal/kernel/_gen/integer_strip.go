package main

import (
	"bytes"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products of few vectors straight from packed tiles: codes go from the lines to VPDPBUSD in registers, and what exceptions
// come to is added to the sums.

const (
	stripVectors = 8    // that a routine takes at most
	stripOutputs = 5    // vectors whose outputs have registers
	stripAhead   = 8192 // bytes that lines are prefetched ahead, to L2: that leaves L1's few misses to what is near
)

// integerStrips generates the products and their table.
func integerStrips(m machine, table *bytes.Buffer) {
	fmt.Fprintf(table, "var integerStrips%s = [integerStripWidth + 1]integerStripFunc{", m.suffix())
	for vectors := 1; vectors <= stripVectors; vectors++ {
		name := fmt.Sprintf("integerStrip%d%s", vectors, m.suffix())
		integerStrip(m, name, vectors)
		fmt.Fprintf(table, "%d: %s,", vectors, name)
	}
	fmt.Fprintf(table, "}\n")
}

// integerStrip multiplies a strip by all vectors of a panel, group after group of two tiles.
func integerStrip(m machine, name string, vectors int) {
	TEXT(name, NOSPLIT, "func(y *float32, values, biases *byte, width int, widths, lines, counts, list *byte, tiles int)")
	Pragma("noescape")
	Doc(name + " adds a strip of packed tiles times a panel to y, [vector][16].")
	values, biases, width := Load(Param("values"), GP64()), Load(Param("biases"), GP64()), Load(Param("width"), GP64())
	widths, lines := Load(Param("widths"), GP64()), Load(Param("lines"), GP64())
	counts, list, tiles := Load(Param("counts"), GP64()), Load(Param("list"), GP64()), Load(Param("tiles"), GP64())
	next, steps := GP64(), GP64()
	IMUL3Q(U8(groupQuads+2), width, next) // bytes to the next group of the panel
	LEAQ(tileSteps(m), steps)

	alike := map[int]Op{}
	for _, bits := range []int{0, 2, 3, 4, 5, 6, 7} {
		for _, p := range tileParts(bits) {
			alike[p.mask()] = nil
		}
		alike[tileLeast(bits)] = nil
	}
	for b := range 256 {
		if _, ok := alike[b]; ok {
			alike[b] = everyByte(m, b)
		}
	}
	none := ZMM()
	zero(m, none)
	t := &integerTile{m: m, vectors: vectors, y: Load(Param("y"), GP64())}
	var outputs []reg.VecVirtual
	if vectors <= stripOutputs {
		outputs = t.loadOutputs()
	}
	chains := max(1, 4/vectors) // a sum waits for itself

	Label("group")
	sums := make([][]reg.VecVirtual, vectors)
	for b := range sums {
		for c := range chains {
			v := ZMM()
			if c == 0 {
				VPBROADCASTD(Mem{Base: biases, Disp: 4 * b}, v)
			} else {
				zero(m, v)
			}
			sums[b] = append(sums[b], v)
		}
	}
	// Mostly both tiles have the same width. Then codes need not be made from what is kept: −128·Σq becomes the sum's start for
	// those as well.
	first, second, x := GP64(), GP64(), GP64() // widths
	MOVQ(values, x)
	CMPQ(tiles, U8(1))
	JEQ(LabelRef("tile"))
	MOVBQZX(Mem{Base: widths}, first)
	MOVBQZX(Mem{Base: widths, Disp: 1}, second)
	CMPL(first.As32(), second.As32())
	JNE(LabelRef("tile"))
	ADDQ(U8(groupTiles), widths)
	SUBQ(U8(groupTiles), tiles)
	byWidth(second, "pair")
	tile := func(bits, k int, code func(m machine, bits, quad int, line func(i int) reg.VecVirtual, each func(b int) Op) reg.VecVirtual) {
		off := k * bits * quadBytes
		line := tileLines(m, lines, off, func(i int) { PREFETCHT2(Mem{Base: lines, Disp: off + i*quadBytes + stripAhead}) })
		for q := range quads {
			var codes Op = alike[128]
			if bits > 0 {
				codes = code(m, bits, q, line, func(b int) Op { return alike[b] })
			}
			for b := range sums {
				VPDPBUSD_BCST(quadOf(x, q+k*quads, b), codes, sums[b][q%chains])
			}
		}
	}
	for _, bits := range tileWidths {
		Label(fmt.Sprint("pair", bits))
		for b := range sums {
			switch bits {
			case 0:
				zero(m, sums[b][0])
			case 8:
			default:
				VPSRAD(U8(8-bits), sums[b][0], sums[b][0])
			}
		}
		if bits > 0 {
			for k := range groupTiles {
				tile(bits, k, tileBits)
			}
			ADDQ(I32(groupTiles*bits*quadBytes), lines)
		}
		JMP(LabelRef("exceptions"))
	}
	Label("tile")
	MOVBQZX(Mem{Base: widths}, second)
	INCQ(widths)
	byWidth(second, "tile")
	for _, bits := range tileWidths {
		Label(fmt.Sprint("tile", bits))
		tile(bits, 0, tileCode)
		if bits > 0 {
			ADDQ(I32(bits*quadBytes), lines)
		}
		JMP(LabelRef("tiled"))
	}
	Label("tiled")
	DECQ(tiles)
	CMPQ(x, values)
	JNE(LabelRef("exceptions"))
	MOVQ(second, first)
	MOVQ(U32(8), second) // without exceptions, if there is none
	ADDQ(U8(tileWidth), x)
	TESTQ(tiles, tiles)
	JNE(LabelRef("tile"))

	Label("exceptions")
	CMPQ(Mem{Base: counts}, U8(0))
	JEQ(LabelRef("summed"))
	stripExceptions(m, values, counts, list, steps, first, second, none, alike[15], sums)
	Label("summed")
	ADDQ(U8(countsSize), counts)
	for b, s := range sums {
		for c := 1; c < chains; c++ {
			VPADDD(s[c], s[0], s[0])
		}
		VCVTDQ2PS(s[0], s[0])
		scale := Mem{Base: biases, Index: width, Scale: 1, Disp: 4 * b}
		if vectors <= stripOutputs {
			VFMADD231PS_BCST(scale, s[0], outputs[b])
			continue
		}
		v := ZMM()
		VMOVUPS(t.output(0, b), v)
		VFMADD231PS_BCST(scale, s[0], v)
		VMOVUPS(v, t.output(0, b))
	}
	ADDQ(next, values)
	ADDQ(next, biases)
	TESTQ(tiles, tiles)
	JNE(LabelRef("group"))

	if vectors > stripOutputs {
		outputs = t.loadOutputs()
	}
	t.storeOutputs(outputs)
	VZEROUPPER()
	RET()
}

// tileWidths are all, the likeliest first.
var tileWidths = []int{4, 5, 3, 6, 2, 7, 0, 8}

// byWidth jumps to the label of a tile's width.
func byWidth(width reg.GPVirtual, label string) {
	for _, bits := range tileWidths[:len(tileWidths)-1] {
		CMPL(width.As32(), U8(bits))
		JEQ(LabelRef(fmt.Sprint(label, bits)))
	}
	JMP(LabelRef(fmt.Sprint(label, tileWidths[len(tileWidths)-1])))
}

// stripExceptions adds a group's exceptions to the sums: the vectors' values of their columns times what they add. Its rows'
// entries are spread to 32-bit lanes, four at a time.
func stripExceptions(m machine, values, counts, list, steps, first, second reg.Register, none reg.VecVirtual, nibble Op, sums [][]reg.VecVirtual) {
	step, count := ZMM(), ZMM() // by column; of each slot's row
	SHLQ(U8(5), first)
	SHLQ(U8(5), second)
	VMOVDQU8(Mem{Base: steps, Index: first, Scale: 1}, step.AsY())
	VINSERTI64X4(U8(1), Mem{Base: steps, Index: second, Scale: 1}, step, step)
	shifts := make([]byte, 64)
	for i := range shifts {
		shifts[i] = byte(i / layer * layer)
	}
	VMOVDQU64(bytesConstant(m, "countShifts", shifts), count)
	VPMULTISHIFTQB_BCST(Mem{Base: counts}, count, count)
	VPANDD(nibble, count, count)
	above := func(slot int) reg.Register { // where a row has more entries
		slots := make([]byte, 64)
		for i := range slots {
			if slots[i] = byte(slot + i%layer); slot+i%layer >= layered {
				slots[i] = 255
			}
		}
		k := K()
		VPCMPUB(U8(6), bytesConstant(m, fmt.Sprint("slots", slot), slots), count, k)
		return k
	}
	apply := func(entries reg.VecVirtual, k reg.Register, chain int) {
		u, minus := ZMM(), K()
		VPERMB(step, entries, u)
		VPMOVB2M(entries, minus)
		for b, s := range sums {
			v := ZMM()
			VPERMB_Z(quadOf(values, 0, b), entries, k, v)
			VPSUBB(v, none, minus, v)
			VPDPBUSD(v, u, s[chain%len(s)])
		}
	}
	for slot := 0; slot < layered; slot += layer {
		k, entries, n := above(slot), ZMM(), GP64()
		if slot >= 2*layer { // seldom: two layers cost less than a branch that is hard to predict
			KORTESTQ(k, k)
			JEQ(LabelRef("summed"))
		}
		KMOVQ(k, n)
		VPEXPANDB_Z(Mem{Base: list}, k, entries)
		POPCNTQ(n, n)
		ADDQ(n, list)
		apply(entries, k, slot/layer)
	}
	k, rows := K(), GP64()
	VPCMPUB(U8(6), bytesConstant(m, "layered", bytes.Repeat([]byte{layered}, 64)), count, k)
	KMOVQ(k, rows)
	one := GP64()
	MOVQ(U64(0x1111111111111111), one)
	ANDQ(one, rows)
	JEQ(LabelRef("summed"))
	Label("tail")
	row, entry, entries := GP64(), GP64(), ZMM()
	BLSIQ(rows, row)
	KMOVQ(row, k)
	VPBROADCASTB(Mem{Base: list}, entries)
	MOVBLZX(Mem{Base: list}, entry.As32())
	INCQ(list)
	apply(entries, k, 0)
	TESTL(U32(tailEnd), entry.As32())
	JEQ(LabelRef("tail"))
	clearLowest(rows)
	JNE(LabelRef("tail"))
}
