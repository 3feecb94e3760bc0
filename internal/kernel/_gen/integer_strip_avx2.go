package main

import (
	"bytes"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products of few vectors straight from packed tiles, with 16 registers of 256 bits: first what each group's sums begin with,
// exceptions included, then the tiles. A strip's sums lie in memory in between.

// stripVectorsAVX2 is how many vectors a routine takes at most.
const stripVectorsAVX2 = 4

// integerStripsAVX2 generates the products and their part of a table.
func integerStripsAVX2(m machine, table *bytes.Buffer) {
	for _, part := range []struct {
		field, function string
		generate        func(m machine, name string, vectors int)
	}{{"starts", "stripStarts", stripStarts}, {"tileSums", "stripTiles", stripTiles}} {
		fmt.Fprintf(table, "\t%s: [integerHalfStripWidth + 1]%sFunc{", part.field, part.function)
		for vectors := 1; vectors <= stripVectorsAVX2; vectors++ {
			name := fmt.Sprintf("%s%d%s", part.function, vectors, m.suffix())
			part.generate(m, name, vectors)
			fmt.Fprintf(table, "%d: %s,", vectors, name)
		}
		fmt.Fprintf(table, "},\n")
	}
}

// lookedUp is how many bytes of memory there are for what a group's entries come to, by vector, and for their steps behind all: sixteen
// counts of 15, and what is written behind.
const lookedUp = 256

// stripStarts writes sums, [group][vector][16]int32: what comes of exceptions, less the sums of values times what codes are kept
// less.
func stripStarts(m machine, name string, vectors int) {
	TEXT(name, NOSPLIT, "func(sums *int32, values, biases *byte, width int, widths, counts, list *byte, tiles int, looked *byte)")
	Pragma("noescape")
	Doc(name + " writes what the sums of a strip's groups begin with, [group][vector][16]. It may read 31 bytes behind the list.")
	s := &stripStart{m: m, vectors: vectors, sums: Load(Param("sums"), GP64())}
	s.values, s.biases = Load(Param("values"), GP64()), Load(Param("biases"), GP64())
	s.widths, s.counts, s.list = Load(Param("widths"), GP64()), Load(Param("counts"), GP64()), Load(Param("list"), GP64())
	s.looked = Load(Param("looked"), GP64())
	left, err := Param("tiles").Resolve() // counted where it is, as registers are few
	if err != nil {
		panic(err)
	}
	tiles := left.Addr

	Label("group")
	s.first, s.second = GP64(), GP64()
	MOVBQZX(Mem{Base: s.widths}, s.first)
	CMPQ(tiles, U8(1))
	JEQ(LabelRef("alike"))
	MOVBQZX(Mem{Base: s.widths, Disp: 1}, s.second)
	CMPL(s.first.As32(), s.second.As32())
	JNE(LabelRef("unlike"))
	Label("alike")
	s.begin()
	s.exceptions(true)
	Label("unlike")
	s.beginUnlike()
	s.exceptions(false)
	s.tails()
	Label("next")
	ADDQ(I32(vectors*lineBytes), s.sums)
	next := Load(Param("width"), GP64())
	IMUL3Q(U8(groupQuads+2), next, next)
	ADDQ(next, s.values)
	ADDQ(next, s.biases)
	ADDQ(U8(groupTiles), s.widths)
	ADDQ(U8(countsSize), s.counts)
	SUBQ(U8(groupTiles), tiles)
	JGT(LabelRef("group"))
	VZEROUPPER()
	RET()
}

// stripStart is the routine that is being written.
type stripStart struct {
	m                                                  machine
	vectors                                            int
	sums, values, biases, widths, counts, list, looked reg.Register
	first, second                                      reg.GPVirtual // the group's widths
}

// sum and value are where vector b has them.
func (s *stripStart) sum(b, off int) Mem { return Mem{Base: s.sums, Disp: b*lineBytes + off} }

func (s *stripStart) value(b, off int) Mem {
	return Mem{Base: s.values, Disp: 4*b*groupQuads + off}
}

// entry is where vector b has what the entry at a place comes to; behind the vectors are the steps.
func (s *stripStart) entry(b int, at reg.Register) Mem {
	return Mem{Base: s.looked, Index: at, Scale: 1, Disp: b * lookedUp}
}

// keptLess has what codes are kept less, by width: with 0 and 8 bits nothing.
func keptLess(m machine) Mem {
	return constant(m, "keptLess", func() {
		for bits := range 9 {
			less := 0
			if bits > 0 && bits < 8 {
				less = 1 << bits >> 1
			}
			DATA(4*bits, U32(less))
		}
	})
}

// begin sets the sums without exceptions of a group whose tiles have one width.
func (s *stripStart) begin() {
	less := GP64()
	LEAQ(keptLess(s.m), less)
	MOVL(Mem{Base: less, Index: s.first, Scale: 4}, less.As32())
	for b := range s.vectors {
		total := GP64()
		MOVL(Mem{Base: s.biases, Disp: 4 * b}, total.As32())
		SARL(U8(7), total.As32()) // −Σq
		IMULL(less.As32(), total.As32())
		s.setSum(b, total)
	}
}

// beginUnlike is begin with two widths.
func (s *stripStart) beginUnlike() {
	less, least := GP64(), GP64()
	LEAQ(keptLess(s.m), less)
	MOVL(Mem{Base: less, Index: s.first, Scale: 4}, least.As32())
	MOVL(Mem{Base: less, Index: s.second, Scale: 4}, less.As32())
	SUBL(less.As32(), least.As32())
	for b := range s.vectors {
		// −Σq over both tiles times the second's, and over the first tile times what its own is more.
		v, other := YMM(), XMM()
		VMOVDQU(everyByte(s.m, 1), v)
		VPMADDUBSW(s.value(b, 0), v, v)
		VPMADDWD(constantD(s.m, 0x00010001), v, v)
		VEXTRACTI128(U8(1), v, other)
		sum := XMM()
		VPADDD(other, v.AsX(), sum)
		VPSHUFD(U8(0x4E), sum, other)
		VPADDD(other, sum, sum)
		VPSHUFD(U8(0xB1), sum, other)
		VPADDD(other, sum, sum)
		of, total := GP32(), GP64()
		VMOVD(sum, of)
		IMULL(least.As32(), of)
		MOVL(Mem{Base: s.biases, Disp: 4 * b}, total.As32())
		SARL(U8(7), total.As32())
		IMULL(less.As32(), total.As32())
		SUBL(of, total.As32())
		s.setSum(b, total)
	}
}

// setSum sets all of a vector's sums.
func (s *stripStart) setSum(b int, to reg.GPVirtual) {
	x, v := XMM(), YMM()
	VMOVD(to.As32(), x)
	VPBROADCASTD(x, v)
	VMOVDQU(v, s.sum(b, 0))
	VMOVDQU(v, s.sum(b, 32))
}

// spreadEntries has for each byte of counts, those of two rows, by which shuffle the first entries of both go from a list to four
// bytes of each row; and behind all of them how many these are.
func spreadEntries(m machine) Mem {
	return constant(m, "spreadEntries", func() {
		var many [256]int
		for counts := range 256 {
			n := 0
			for row := range 2 {
				for slot := range layer {
					from := 0x80
					if slot < counts>>(4*row)&15 {
						from = n
						n++
					}
					DATA(8*counts+4*row+slot, U8(from))
				}
			}
			many[counts] = n
		}
		for counts, n := range many {
			DATA(8*len(many)+counts, U8(n))
		}
	})
}

// exceptions adds what a group's exceptions come to: first what each entry does, in the order of the list, to memory; then a row's up
// to four of a layer in a 32-bit lane, eight rows in a register. Tiles of one width have their step in the end, others each entry its own.
func (s *stripStart) exceptions(alike bool) {
	m, label := s.m, func(name string) string {
		return fmt.Sprint(name, map[bool]string{true: "Alike", false: "Unlike"}[alike])
	}
	CMPQ(Mem{Base: s.counts}, U8(0))
	JEQ(LabelRef("next"))
	s.lookUp(alike, label)

	spreads, at := GP64(), GP64()
	LEAQ(spreadEntries(m), spreads)
	XORL(at.As32(), at.As32())
	buffers := s.vectors
	if !alike {
		buffers++
	}
	shift, ones := XMM(), YMM()
	if alike {
		VMOVD(s.first.As32(), shift)
		VMOVDQU(everyByte(m, 1), ones)
	}
	for half := range 2 {
		quarters := make([][2]reg.VecVirtual, buffers)
		for i := range 2 {
			pairs := make([][2]reg.VecVirtual, buffers)
			for j := range 2 {
				counts, n := GP64(), GP64()
				MOVBQZX(Mem{Base: s.counts, Disp: 4*half + 2*i + j}, counts)
				for b := range pairs {
					pairs[b][j] = XMM()
					VMOVQ(s.entry(b, at), pairs[b][j])
					VPSHUFB(Mem{Base: spreads, Index: counts, Scale: 8}, pairs[b][j], pairs[b][j])
				}
				MOVBQZX(Mem{Base: spreads, Index: counts, Scale: 1, Disp: 8 * 256}, n)
				ADDQ(n, at)
			}
			for b, pair := range pairs {
				quarters[b][i] = XMM()
				VPUNPCKLQDQ(pair[1], pair[0], quarters[b][i])
			}
		}
		step := ones
		for b := buffers - 1; b >= 0; b-- { // steps first
			v := YMM()
			VINSERTI128(U8(1), quarters[b][1], quarters[b][0].AsY(), v)
			if b == s.vectors {
				step = v
				continue
			}
			VPMADDUBSW(v, step, v)
			VPMADDWD(constantD(m, 0x00010001), v, v)
			if alike {
				VPSLLD(shift, v, v)
			}
			VPADDD(s.sum(b, 32*half), v, v)
			VMOVDQU(v, s.sum(b, 32*half))
		}
	}
	end := label("end")
	for slot := layer; slot < layered; slot += layer {
		s.layer(slot, alike, at, fmt.Sprint(label("row"), slot), end)
	}
	ADDQ(at, s.list)
	JMP(LabelRef("tails"))
	Label(end)
	ADDQ(at, s.list)
	JMP(LabelRef("next"))
}

// lookUp writes what a group's entries come to, but for their tile's step where tiles are alike; else it writes the steps as well.
func (s *stripStart) lookUp(alike bool, label func(name string) string) {
	m := s.m
	counts, n, bits := GP64(), GP64(), GP64()
	MOVQ(Mem{Base: s.counts}, counts)
	MOVQ(U64(0x0F0F0F0F0F0F0F0F), bits)
	MOVQ(counts, n)
	SHRQ(U8(4), n)
	ANDQ(bits, counts)
	ANDQ(bits, n)
	ADDQ(counts, n)
	MOVQ(U64(0x0101010101010101), bits)
	IMULQ(bits, n)
	SHRQ(U8(56), n) // entries of all rows, but for tails
	for b := range s.vectors {
		// As from the second quarter on all before add up, a quarter's table is what differs from the one before.
		var tables [4]reg.VecVirtual
		before := YMM()
		VBROADCASTI128(s.value(b, 0), before)
		tables[0] = before
		for i := 1; i < 4; i++ {
			quarter := YMM()
			tables[i] = YMM()
			VBROADCASTI128(s.value(b, 16*i), quarter)
			VPXOR(quarter, before, tables[i])
			before = quarter
		}
		at, loop := GP64(), fmt.Sprint(label("entries"), b)
		XORL(at.As32(), at.As32())
		Label(loop)
		entries, place, v, sign := YMM(), YMM(), YMM(), YMM()
		VMOVDQU(Mem{Base: s.list, Index: at, Scale: 1}, entries)
		VPAND(everyByte(m, groupTiles*tileWidth-1), entries, place) // in a quarter; negative before it
		VPSHUFB(place, tables[0], v)
		for _, table := range tables[1:] {
			differs := YMM()
			VPSUBB(everyByte(m, 16), place, place)
			VPSHUFB(place, table, differs)
			VPXOR(differs, v, v)
		}
		VPOR(everyByte(m, 1), entries, sign)
		VPSIGNB(sign, v, v)
		VMOVDQU(v, s.entry(b, at))
		if !alike && b == 0 {
			step, second, steps := YMM(), YMM(), GP64()
			LEAQ(tileSteps(m), steps)
			offset := func(width reg.GPVirtual) Mem {
				of := GP64()
				MOVQ(width, of)
				SHLQ(U8(5), of)
				return Mem{Base: steps, Index: of, Scale: 1}
			}
			VMOVDQU(offset(s.first), step)
			VPSLLW(U8(2), entries, second)
			VPBLENDVB(second, offset(s.second), step, step)
			VMOVDQU(step, s.entry(s.vectors, at))
		}
		ADDQ(U8(32), at)
		CMPQ(at, n)
		JLT(LabelRef(loop))
	}
}

// layer adds the entries of the rows that have more than so many, at most four each, and jumps to a label if there are no such rows.
func (s *stripStart) layer(slot int, alike bool, at reg.GPVirtual, loop, none string) {
	m, counts := s.m, Mem{Base: s.counts}
	rows, less := GP64(), GP64()
	// Rows whose count is above 4, 8 or 12.
	MOVQ(counts, rows)
	MOVQ(rows, less)
	SHRQ(U8(1), less)
	ORQ(less, rows)
	MOVQ(counts, less)
	SHRQ(U8(2), less)
	if slot == 8 {
		ORQ(less, rows)
	} else {
		ANDQ(less, rows)
	}
	MOVQ(counts, less)
	SHRQ(U8(3), less)
	if slot == 4 {
		ORQ(less, rows)
	} else {
		ANDQ(less, rows)
	}
	MOVQ(U64(0x1111111111111111), less)
	ANDQ(less, rows)
	JEQ(LabelRef(none))
	ones := XMM()
	if alike {
		VMOVDQU(everyByte(m, 1), ones)
	}
	Label(loop)
	row, n, bits := GP64(), GP64(), GP64()
	TZCNTQ(rows, row)
	SHRXQ(row, counts, n)
	ANDL(U8(15), n.As32())
	SUBL(U8(slot), n.As32())
	MOVL(U32(min(layer, layered-slot)), bits.As32())
	CMPL(n.As32(), bits.As32())
	CMOVLGT(bits.As32(), n.As32())
	MOVQ(n, bits)
	SHLQ(U8(3), bits)
	for b := range s.vectors {
		sum, v := GP64(), XMM()
		MOVL(s.entry(b, at), sum.As32())
		BZHIL(bits.As32(), sum.As32(), sum.As32())
		VMOVD(sum.As32(), v)
		if alike {
			VPMADDUBSW(v, ones, v)
		} else {
			step := XMM()
			VMOVD(s.entry(s.vectors, at), step)
			VPMADDUBSW(v, step, v)
		}
		VPMADDWD(constantD(m, 0x00010001), v, v)
		VMOVD(v, sum.As32())
		if alike {
			SHLXL(s.first.As32(), sum.As32(), sum.As32())
		}
		ADDL(sum.As32(), Mem{Base: s.sums, Index: row, Scale: 1, Disp: b * lineBytes})
	}
	ADDQ(n, at)
	clearLowest(rows)
	JNZ(LabelRef(loop))
}

// tails adds what rows of the most entries have behind the layers, one by one.
func (s *stripStart) tails() {
	rows, row := GP64(), GP64()
	Label("tails")
	rowsWithTails(s.counts, rows, "next")
	Label("tail")
	entry, step, value := GP64(), GP64(), GP64()
	MOVBQZX(Mem{Base: s.list}, entry)
	INCQ(s.list)
	TZCNTQ(rows, row)
	// 2^width of its column, negative where it is subtracted.
	width := GP64()
	MOVL(entry.As32(), width.As32())
	SHRL(U8(5), width.As32())
	ANDL(U8(1), width.As32())
	MOVBLZX(Mem{Base: s.widths, Index: width, Scale: 1}, width.As32())
	MOVL(U32(1), step.As32())
	SHLXL(width.As32(), step.As32(), step.As32())
	MOVBLSX(entry.As8(), value.As32())
	SARL(U8(7), value.As32())
	XORL(value.As32(), step.As32())
	SUBL(value.As32(), step.As32())
	ANDL(U32(groupTiles*tileWidth-1), entry.As32())
	for b := range s.vectors {
		MOVBLSX(Mem{Base: s.values, Index: entry, Scale: 1, Disp: 4 * b * groupQuads}, value.As32())
		IMULL(step.As32(), value.As32())
		ADDL(value.As32(), Mem{Base: s.sums, Index: row, Scale: 1, Disp: b * lineBytes})
	}
	TESTB(U8(tailEnd), Mem{Base: s.list, Disp: -1})
	JEQ(LabelRef("tail"))
	clearLowest(rows)
	JNZ(LabelRef("tail"))
}

// stripTiles multiplies a strip's tiles by a panel, and adds what comes of that and of sums to y.
func stripTiles(m machine, name string, vectors int) {
	TEXT(name, NOSPLIT, "func(y *float32, sums *int32, values, biases *byte, width int, widths, lines *byte, tiles int)")
	Pragma("noescape")
	Doc(name + " adds a strip of packed tiles times a panel, and what the sums of its groups begin with, to y, [vector][16].")
	t := &integerTile{m: m, vectors: vectors, y: Load(Param("y"), GP64())}
	sums, values := Load(Param("sums"), GP64()), Load(Param("values"), GP64())
	t.biases, t.width = Load(Param("biases"), GP64()), Load(Param("width"), GP64())
	widths, lines, tiles := Load(Param("widths"), GP64()), Load(Param("lines"), GP64()), Load(Param("tiles"), GP64())
	next, x, width, second := GP64(), GP64(), GP64(), GP64()
	IMUL3Q(U8(groupQuads+2), t.width, next)
	halves := [][]int{{0}, {m.bytes()}}
	if vectors == 1 { // there are registers for both halves of the rows, which share a vector's values
		halves = [][]int{{0, m.bytes()}}
	}

	Label("group")
	MOVQ(values, x)
	CMPQ(tiles, U8(1))
	JEQ(LabelRef("tile"))
	MOVBQZX(Mem{Base: widths}, width)
	MOVBQZX(Mem{Base: widths, Disp: 1}, second)
	CMPL(width.As32(), second.As32())
	JNE(LabelRef("tile"))
	ADDQ(U8(groupTiles), widths)
	SUBQ(U8(groupTiles), tiles)
	byWidth(width, "pair")
	for _, bits := range tileWidths {
		Label(fmt.Sprint("pair", bits))
		for _, some := range halves {
			long := t.longSums(len(some))
			for k := 0; k < groupTiles && bits > 0; k++ {
				t.tile(bits, some, lines, k*bits*quadBytes, x, k*quads, long)
			}
			for b := range vectors {
				scale := YMM()
				VBROADCASTSS(t.scale(b), scale)
				for i, half := range some {
					sum, start := YMM(), Mem{Base: sums, Disp: b*lineBytes + half}
					if long[i][b] == nil {
						VCVTDQ2PS(start, sum)
					} else {
						VPADDD(start, long[i][b], sum)
						VCVTDQ2PS(sum, sum)
					}
					t.scaled(sum, scale, half, b)
				}
			}
		}
		if bits > 0 {
			ADDQ(I32(groupTiles*bits*quadBytes), lines)
		}
		JMP(LabelRef("next"))
	}

	Label("tile")
	MOVBQZX(Mem{Base: widths}, width)
	INCQ(widths)
	byWidth(width, "tile")
	for _, bits := range tileWidths {
		Label(fmt.Sprint("tile", bits))
		if bits > 0 {
			for _, some := range halves {
				long := t.longSums(len(some))
				t.tile(bits, some, lines, 0, x, 0, long)
				for i, half := range some {
					for b, v := range long[i] {
						at := Mem{Base: sums, Disp: b*lineBytes + half}
						VPADDD(at, v, v)
						VMOVDQU(v, at)
					}
				}
			}
			ADDQ(I32(bits*quadBytes), lines)
		}
		JMP(LabelRef("tiled"))
	}
	Label("tiled")
	DECQ(tiles)
	JEQ(LabelRef("summed"))
	ADDQ(U8(tileWidth), x)
	LEAQ(Mem{Base: values, Disp: groupTiles * tileWidth}, width)
	CMPQ(x, width)
	JNE(LabelRef("tile"))
	Label("summed")
	for b := range vectors {
		scale := YMM()
		VBROADCASTSS(t.scale(b), scale)
		for off := 0; off < lineBytes; off += m.bytes() {
			sum := YMM()
			VCVTDQ2PS(Mem{Base: sums, Disp: b*lineBytes + off}, sum)
			t.scaled(sum, scale, off, b)
		}
	}
	Label("next")
	ADDQ(I32(vectors*lineBytes), sums)
	ADDQ(next, values)
	ADDQ(next, t.biases)
	TESTQ(tiles, tiles)
	JNE(LabelRef("group"))

	for b := range vectors {
		for off := 0; off < lineBytes; off += m.bytes() {
			t.canonical(off, b)
		}
	}
	VZEROUPPER()
	RET()
}

// scaled adds sums of a group times their scale to outputs.
func (t *integerTile) scaled(sum, scale reg.VecVirtual, off, b int) {
	VFMADD213PS(t.output(off, b), scale, sum)
	VMOVUPS(sum, t.output(off, b))
}

// longSums has room for sums of as many halves of the rows, [half][vector], none of which has begun.
func (t *integerTile) longSums(halves int) [][]reg.VecVirtual {
	sums := make([][]reg.VecVirtual, halves)
	for i := range sums {
		sums[i] = make([]reg.VecVirtual, t.vectors)
	}
	return sums
}

// canonical makes NaNs of outputs the one there is.
func (t *integerTile) canonical(off, b int) {
	sum, unordered := YMM(), YMM()
	VMOVUPS(t.output(off, b), sum)
	VCMPPS(U8(3), sum, sum, unordered)
	VBLENDVPS(unordered, constantD(t.m, 0x7FC00000), sum, sum)
	VMOVUPS(sum, t.output(off, b))
}

// tile adds halves of the rows of a tile, from byte off of lines on, times the vectors' quads from first on to sums. Sums of a pair
// of columns have 16 bits for as many quads as can not exceed them.
func (t *integerTile) tile(bits int, halves []int, lines reg.Register, off int, x reg.Register, first int, sums [][]reg.VecVirtual) {
	m := t.m
	line := make([]func(i int) reg.VecVirtual, len(halves))
	for i, half := range halves {
		line[i] = tileLines(m, lines, off+half, func(i int) {
			if half == 0 {
				PREFETCHT0(Mem{Base: lines, Disp: off + i*quadBytes + stripAhead})
			}
		})
	}
	each := func(b int) Op { return everyByte(m, b) }
	run := quadsIn16Bits(1<<bits - 1)
	short := t.longSums(len(halves))
	for q := range quads {
		codes, sizes := make([]reg.VecVirtual, len(halves)), make([]reg.VecVirtual, len(halves))
		for i := range halves {
			codes[i] = tileBits(m, bits, q, line[i], each)
			if bits == 8 { // |z| times q with z's sign
				z := YMM()
				sizes[i] = YMM()
				VPXOR(each(zeroCode), codes[i], z)
				VPABSB(z, sizes[i])
				codes[i] = z
			}
		}
		for b := range t.vectors {
			value := YMM()
			VPBROADCASTD(quadOf(x, first+q, b), value)
			for i, code := range codes {
				v := YMM()
				if bits == 8 {
					VPSIGNB(code, value, v)
					VPMADDUBSW(v, sizes[i], v)
				} else {
					VPMADDUBSW(value, code, v)
				}
				if q%run == 0 {
					short[i][b] = v
				} else {
					VPADDW(v, short[i][b], short[i][b])
				}
				if (q+1)%run > 0 {
					continue
				}
				VPMADDWD(constantD(m, 0x00010001), short[i][b], short[i][b])
				if sums[i][b] == nil {
					sums[i][b] = short[i][b]
				} else {
					VPADDD(short[i][b], sums[i][b], sums[i][b])
				}
			}
		}
	}
}

// quadsIn16Bits is how many quads' products with codes of 0 … most fit 16 bits: a part of a tile's eight.
func quadsIn16Bits(most int) int {
	n := quads
	for n > 1 && n*2*127*most > 1<<15-1 {
		n /= 2
	}
	return n
}
