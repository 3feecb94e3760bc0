package main

import (
	"bytes"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products by AMX: a group of a strip is as a tile register wants its right operand, a group of 16 neighbours of a panel
// as it wants its left one, and one instruction multiplies them. The integers go through memory to where float32 are.

const (
	amxVectors = 16 // rows of a tile register
	leastAMX   = 6  // below, VNNI takes less time
)

// integerTiles generates the products and their table.
func integerTiles(m machine, table *bytes.Buffer) {
	fmt.Fprintf(table, "var integerTilesAMX = [integerTilesWidth + 1]integerTilesFunc{")
	for vectors := leastAMX; vectors <= amxVectors; vectors++ {
		name := fmt.Sprintf("integerDot%dAMX", vectors)
		integerDotAMX(m, name, vectors)
		fmt.Fprintf(table, "%d: %s,", vectors, name)
	}
	fmt.Fprintf(table, "}\n")
}

// instruction emits an instruction that the assembler has no name for.
func instruction(comment string, inputs []Op, code ...byte) {
	Comment(comment)
	for _, b := range code {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{U8(b)}, Inputs: inputs})
	}
}

// Tile registers 0 and 3 have sums, 1 and 4 vectors, 2 and 5 codes: two groups are on their way at once. Addresses are in
// fixed registers, as they are part of the instructions' bytes.
var (
	amxValues, amxCodes, amxSums, amxLine = reg.RSI, reg.RDI, reg.RBX, reg.RDX
	amxConfig                             = reg.RAX
)

// tileConfig is what LDTILECFG reads: the palette, bytes of a row and rows of each register.
func tileConfig(vectors int) []byte {
	config := make([]byte, 64)
	config[0] = 1
	for tile, rows := range []int{vectors, vectors, stripRows, vectors, vectors, stripRows} {
		config[16+2*tile], config[48+tile] = lineBytes, byte(rows)
	}
	return config
}

func tileLoad(tile byte, base reg.Register, code byte) {
	instruction(fmt.Sprint("TILELOADD to ", tile), []Op{base, amxLine}, 0xC4, 0xE2, 0x7B, 0x4B, tile<<3|4, 0x10|code)
}

// tileMultiply computes a group's sums of the vectors and the codes at hand.
func tileMultiply(slot byte) {
	sums := 3 * slot
	tileLoad(sums+1, amxValues, 6)
	tileLoad(sums+2, amxCodes, 7)
	instruction(fmt.Sprint("TILEZERO ", sums), nil, 0xC4, 0xE2, 0x7B, 0x49, 0xC0|sums<<3)
	instruction(fmt.Sprint("TDPBSUD ", sums+2, " ", sums+1, " ", sums), nil, 0xC4, 0xE2, (^(sums+2)&15)<<3|2, 0x5E, 0xC0|sums<<3|sums+1)
}

// tileStore stores the sums of a slot.
func tileStore(slot byte) {
	instruction(fmt.Sprint("TILESTORED ", 3*slot), []Op{amxSums, amxLine}, 0xC4, 0xE2, 0x7A, 0x4B, 0x80|3*slot<<3|4, 0x13, 0, slot<<2, 0, 0)
}

// integerDotAMX multiplies tiles of so many vectors.
func integerDotAMX(m machine, name string, vectors int) {
	TEXT(name, NOSPLIT, "func(y *float32, values, biases *byte, width int, codes *byte, groups, tiles int, sums *int32)")
	Pragma("noescape")
	Doc(name+" adds groups of a strip of 16 rows times neighbours of a panel, tiles of them, to y, [vector][16].",
		"sums has room for 512.")
	t := &integerTile{m: m, vectors: vectors, groups: GP64(), next: GP64()}
	t.y, t.width = Load(Param("y"), GP64()), Load(Param("width"), GP64())
	IMUL3Q(U8(groupQuads+2), t.width, t.next)
	Load(Param("sums"), amxSums)
	MOVQ(U32(lineBytes), amxLine)
	LEAQ(bytesConstant(m, fmt.Sprint("tiles", vectors), tileConfig(vectors)), amxConfig)
	instruction("LDTILECFG", []Op{amxConfig}, 0xC4, 0xE2, 0x78, 0x49, 0x00)
	values, biases := Load(Param("values"), GP64()), Load(Param("biases"), GP64())
	tiles := GP64()
	Load(Param("tiles"), tiles)

	Label("tile")
	sums := t.loadOutputs()
	// The integers of a group are computed while the float32 of the second before are.
	ahead := GP64()
	MOVQ(values, amxValues)
	Load(Param("codes"), amxCodes)
	Load(Param("groups"), ahead)
	t.biases = GP64()
	MOVQ(biases, t.biases)
	Load(Param("groups"), t.groups)
	step := func() { // stays at the last
		last := label("last")
		CMPQ(ahead, U8(1))
		JLE(LabelRef(last))
		DECQ(ahead)
		ADDQ(t.next, amxValues)
		ADDQ(I32(lineBytes*groupQuads), amxCodes)
		Label(last)
	}
	for slot := range byte(2) {
		tileMultiply(slot)
		tileStore(slot)
		step()
	}
	Label("loop")
	for slot := range byte(2) {
		tileMultiply(slot)
		for b := range sums {
			v := ZMM()
			VMOVDQU32(Mem{Base: amxSums, Disp: (int(slot)*amxVectors + b) * lineBytes}, v)
			VPADDD_BCST(t.bias(b), v, v)
			VCVTDQ2PS(v, v)
			VFMADD231PS_BCST(t.scale(b), v, sums[b])
		}
		tileStore(slot)
		step()
		ADDQ(t.next, t.biases)
		DECQ(t.groups)
		if slot == 0 {
			JZ(LabelRef("done"))
		} else {
			JNZ(LabelRef("loop"))
		}
	}
	Label("done")
	t.storeOutputs(sums)
	ADDQ(I32(lineBytes*vectors), t.y)
	ADDQ(I32(4*groupQuads*vectors), values)
	ADDQ(I32(4*vectors), biases)
	DECQ(tiles)
	JNZ(LabelRef("tile"))
	instruction("TILERELEASE", nil, 0xC4, 0xE2, 0x78, 0x49, 0xC0)
	VZEROUPPER()
	RET()
}
