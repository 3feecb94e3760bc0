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

// stripStarts writes sums, [group][vector][16]int32: what comes of exceptions, less the sums of values times what codes are kept
// less.
func stripStarts(m machine, name string, vectors int) {
	TEXT(name, NOSPLIT, "func(sums *int32, values, biases *byte, width int, widths, counts, list *byte, tiles int)")
	Pragma("noescape")
	Doc(name + " writes what the sums of a strip's groups begin with, [group][vector][16]. It may read seven bytes behind the list.")
	s := &stripStart{m: m, vectors: vectors, sums: Load(Param("sums"), GP64())}
	s.values, s.biases = Load(Param("values"), GP64()), Load(Param("biases"), GP64())
	next := Load(Param("width"), GP64())
	s.widths, s.counts, s.list = Load(Param("widths"), GP64()), Load(Param("counts"), GP64()), Load(Param("list"), GP64())
	tiles := Load(Param("tiles"), GP64())
	IMUL3Q(U8(groupQuads+2), next, next)

	Label("group")
	s.begin(tiles)
	CMPQ(Mem{Base: s.counts}, U8(0))
	JEQ(LabelRef("next"))
	s.exceptions()
	Label("next")
	ADDQ(I32(vectors*lineBytes), s.sums)
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
	m                                          machine
	vectors                                    int
	sums, values, biases, widths, counts, list reg.Register
	first, second                              reg.GPVirtual // the group's widths
}

// sum and value are where vector b has them.
func (s *stripStart) sum(b, off int) Mem { return Mem{Base: s.sums, Disp: b*lineBytes + off} }

func (s *stripStart) value(b, off int) Mem {
	return Mem{Base: s.values, Disp: 4*b*groupQuads + off}
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

// begin sets a group's sums without exceptions.
func (s *stripStart) begin(tiles reg.Register) {
	less, total := GP64(), GP64()
	s.first, s.second = GP64(), GP64()
	MOVBQZX(Mem{Base: s.widths}, s.first)
	MOVQ(s.first, s.second)
	CMPQ(tiles, U8(1))
	JEQ(LabelRef("alike"))
	MOVBQZX(Mem{Base: s.widths, Disp: 1}, s.second)
	CMPL(s.first.As32(), s.second.As32())
	JNE(LabelRef("unlike"))
	Label("alike")
	LEAQ(keptLess(s.m), less)
	MOVL(Mem{Base: less, Index: s.first, Scale: 4}, less.As32())
	for b := range s.vectors {
		MOVL(Mem{Base: s.biases, Disp: 4 * b}, total.As32())
		SARL(U8(7), total.As32()) // −Σq
		IMULL(less.As32(), total.As32())
		s.setSum(b, total)
	}
	JMP(LabelRef("begun"))

	Label("unlike")
	least := GP64()
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
		of := GP32()
		VMOVD(sum, of)
		IMULL(least.As32(), of)
		MOVL(Mem{Base: s.biases, Disp: 4 * b}, total.As32())
		SARL(U8(7), total.As32())
		IMULL(less.As32(), total.As32())
		SUBL(of, total.As32())
		s.setSum(b, total)
	}
	Label("begun")
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

// exceptions adds what a group's exceptions come to.
func (s *stripStart) exceptions() {
	m := s.m
	// The first layer: a row's up to four entries in a 32-bit lane, eight rows in a register.
	spreads := GP64()
	LEAQ(spreadEntries(m), spreads)
	var entries [2]reg.VecVirtual
	for half := range entries {
		var quarters [2]reg.VecVirtual
		for i := range quarters {
			var pairs [2]reg.VecVirtual
			for j := range pairs {
				counts, n := GP64(), GP64()
				pairs[j] = XMM()
				MOVBQZX(Mem{Base: s.counts, Disp: 4*half + 2*i + j}, counts)
				VMOVQ(Mem{Base: s.list}, pairs[j])
				VPSHUFB(Mem{Base: spreads, Index: counts, Scale: 8}, pairs[j], pairs[j])
				MOVBQZX(Mem{Base: spreads, Index: counts, Scale: 1, Disp: 8 * 256}, n)
				ADDQ(n, s.list)
			}
			quarters[i] = XMM()
			VPUNPCKLQDQ(pairs[1], pairs[0], quarters[i])
		}
		entries[half] = YMM()
		VINSERTI128(U8(1), quarters[1], quarters[0].AsY(), entries[half])
	}
	// What an entry adds, without its sign, by column.
	steps := GP64()
	LEAQ(tileSteps(m), steps)
	offset := func(width reg.GPVirtual) Mem {
		at := GP64()
		MOVQ(width, at)
		SHLQ(U8(5), at)
		return Mem{Base: steps, Index: at, Scale: 1}
	}
	atFirst, atSecond := offset(s.first), offset(s.second)
	var count [2]reg.VecVirtual // of each slot's row
	spread := make([]byte, 64)
	for i := range spread {
		spread[i] = byte(i / 8)
	}
	slots := func(name string, first int) Mem {
		b := make([]byte, 32)
		for i := range b {
			b[i] = byte(first + i%layer)
		}
		return bytesConstant(m, name, b)
	}
	for half := range count {
		count[half] = s.counted(half, spread)
		there, sign, step, second := YMM(), YMM(), YMM(), YMM()
		VPCMPGTB(slots("slots", 0), count[half], there)
		VPOR(everyByte(m, 1), entries[half], sign)
		VPAND(there, sign, sign) // 0 where there is no entry
		VPSLLW(U8(2), entries[half], second)
		VMOVDQU(atFirst, step)
		VPBLENDVB(second, atSecond, step, step)
		var places [4]reg.VecVirtual // of a column in each quarter of the group; negative before it
		for i := range places {
			places[i] = YMM()
			if i == 0 {
				VPAND(everyByte(m, groupTiles*tileWidth-1), entries[half], places[0])
			} else {
				VPSUBB(everyByte(m, 16), places[i-1], places[i])
			}
		}
		for b := range s.vectors {
			// As from the second quarter on all before add up, a quarter's table is what differs from the one before.
			v, before := YMM(), YMM()
			VBROADCASTI128(s.value(b, 0), before)
			VPSHUFB(places[0], before, v)
			for i := 1; i < 4; i++ {
				quarter, differs := YMM(), YMM()
				VBROADCASTI128(s.value(b, 16*i), quarter)
				VPXOR(quarter, before, differs)
				VPSHUFB(places[i], differs, differs)
				VPXOR(differs, v, v)
				before = quarter
			}
			VPSIGNB(sign, v, v)
			VPMADDUBSW(v, step, v)
			VPMADDWD(constantD(m, 0x00010001), v, v)
			VPADDD(s.sum(b, 32*half), v, v)
			VMOVDQU(v, s.sum(b, 32*half))
		}
	}
	s.others(count, slots("slotsBehind", layer))
}

// counted returns how many entries layers have of the row of each slot of eight rows.
func (s *stripStart) counted(half int, spread []byte) reg.VecVirtual {
	m := s.m
	low, high := YMM(), YMM()
	VPBROADCASTQ(Mem{Base: s.counts}, low)
	VPSHUFB(bytesConstant(m, fmt.Sprint("spreadCounts", half), spread[32*half:][:32]), low, low)
	VPSRLW(U8(4), low, high)
	VPBLENDD(U8(0xAA), high, low, low)
	VPAND(everyByte(m, 15), low, low)
	VPMINUB(bytesConstant(m, "layered", bytes.Repeat([]byte{layered}, 32)), low, low)
	return low
}

// others adds the entries behind the first layer, one by one.
func (s *stripStart) others(count [2]reg.VecVirtual, behind Mem) {
	mask := GP64()
	there := func() {
		m0 := GP64()
		for half, r := range []reg.GPVirtual{m0, mask} {
			some := YMM()
			VPCMPGTB(behind, count[half], some)
			VPMOVMSKB(some, r.As32())
		}
		SHLQ(U8(32), mask)
		ORQ(m0, mask)
	}
	add := func(entry, row reg.GPVirtual) {
		step, value := GP64(), GP64()
		// 2^width of its column, negative where it is subtracted.
		MOVL(entry.As32(), reg.ECX)
		SHRL(U8(5), reg.ECX)
		ANDL(U8(1), reg.ECX)
		MOVBLZX(Mem{Base: s.widths, Index: reg.RCX, Scale: 1}, reg.ECX)
		MOVL(U32(1), step.As32())
		SHLL(reg.CL, step.As32())
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
	}
	there()
	JEQ(LabelRef("next"))
	Label("entry")
	entry, row := GP64(), GP64()
	MOVBQZX(Mem{Base: s.list}, entry)
	INCQ(s.list)
	TZCNTQ(mask, row)
	ANDL(I32(-layer), row.As32())
	add(entry, row)
	clearLowest(mask)
	JNZ(LabelRef("entry"))
	for _, c := range count {
		VPSUBB(bytesConstant(s.m, "layer", bytes.Repeat([]byte{layer}, 32)), c, c)
	}
	there()
	JNE(LabelRef("entry"))

	rowsWithTails(s.counts, mask, "next")
	Label("tail")
	tail := GP64()
	MOVBQZX(Mem{Base: s.list}, tail)
	INCQ(s.list)
	TZCNTQ(mask, row)
	add(tail, row)
	TESTB(U8(tailEnd), Mem{Base: s.list, Disp: -1})
	JEQ(LabelRef("tail"))
	clearLowest(mask)
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
	next, x, width := GP64(), GP64(), GP64()
	IMUL3Q(U8(groupQuads+2), t.width, next)

	Label("group")
	MOVQ(values, x)
	Label("tile")
	MOVBQZX(Mem{Base: widths}, width)
	INCQ(widths)
	byWidth(width, "tile")
	for _, bits := range tileWidths {
		Label(fmt.Sprint("tile", bits))
		if bits > 0 {
			for half := 0; half < quadBytes; half += m.bytes() {
				t.tileHalf(bits, half, lines, x, sums)
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
			VFMADD213PS(t.output(off, b), scale, sum)
			VMOVUPS(sum, t.output(off, b))
		}
	}
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

// canonical makes NaNs of outputs the one there is.
func (t *integerTile) canonical(off, b int) {
	sum, unordered := YMM(), YMM()
	VMOVUPS(t.output(off, b), sum)
	VCMPPS(U8(3), sum, sum, unordered)
	VBLENDVPS(unordered, constantD(t.m, 0x7FC00000), sum, sum)
	VMOVUPS(sum, t.output(off, b))
}

// tileHalf adds eight rows of a tile times the vectors to sums. Sums of a pair of columns have 16 bits for as many quads as can
// not exceed them.
func (t *integerTile) tileHalf(bits, half int, lines, x, sums reg.Register) {
	m := t.m
	line := tileLines(m, lines, half, func(i int) {
		if half == 0 {
			PREFETCHT0(Mem{Base: lines, Disp: i*quadBytes + stripAhead})
		}
	})
	each := func(b int) Op { return everyByte(m, b) }
	run := quadsIn16Bits(1<<bits - 1)
	short, long := make([]reg.VecVirtual, t.vectors), make([]reg.VecVirtual, t.vectors)
	for q := range quads {
		var size reg.VecVirtual
		code := tileBits(m, bits, q, line, each)
		if bits == 8 { // |z| times q with z's sign
			z := YMM()
			size = YMM()
			VPXOR(each(zeroCode), code, z)
			VPABSB(z, size)
			code = z
		}
		for b := range t.vectors {
			v := YMM()
			VPBROADCASTD(quadOf(x, q, b), v)
			if bits == 8 {
				VPSIGNB(code, v, v)
				VPMADDUBSW(v, size, v)
			} else {
				VPMADDUBSW(v, code, v)
			}
			if q%run == 0 {
				short[b] = v
			} else {
				VPADDW(v, short[b], short[b])
			}
			if (q+1)%run > 0 {
				continue
			}
			VPMADDWD(constantD(m, 0x00010001), short[b], short[b])
			if long[b] == nil {
				long[b] = short[b]
			} else {
				VPADDD(short[b], long[b], long[b])
			}
		}
	}
	for b, v := range long {
		at := Mem{Base: sums, Disp: b*lineBytes + half}
		VPADDD(at, v, v)
		VMOVDQU(v, at)
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
