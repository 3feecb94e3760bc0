package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products without VNNI. The codes of a group, less the least of them, are unsigned bytes times int8, so that a sum of two products
// has 16 bits, and so have those of some neighbours where the codes differ by little: a run. Only then are sums widened.

// runVectors is how many vectors a routine takes at most: 16 rows times 3 fill the registers.
const runVectors = 3

// runs are how many quads go together, with the greatest code for that; 0 is for any code, with its sign.
var runs = []struct{ quads, most int }{{8, 16}, {4, 32}, {2, 64}, {1, 129}, {0, 255}}

// integerRuns multiplies groups of a strip, as narrowGroups leaves them, by some vectors.
func integerRuns(m machine, name string, vectors int) {
	TEXT(name, NOSPLIT, "func(y *float32, values, biases *byte, width int, codes *byte, ranges *int32, groups int)")
	Pragma("noescape")
	Doc(name + " adds groups of a strip of 16 rows, narrowed, times neighbours of a panel to y, [vector][16].")
	t := &integerTile{m: m, vectors: vectors, groups: GP64(), next: GP64()}
	t.y, t.width = Load(Param("y"), GP64()), Load(Param("width"), GP64())
	t.values, t.biases = Load(Param("values"), GP64()), Load(Param("biases"), GP64())
	t.codes = Load(Param("codes"), GP64())
	ranges := Load(Param("ranges"), GP64())
	Load(Param("groups"), t.groups)
	IMUL3Q(U8(groupQuads+2), t.width, t.next)

	Label("group")
	sums := make([][2]reg.VecVirtual, vectors)
	{
		less := YMM()
		VPBROADCASTD(Mem{Base: ranges}, less)
		for b := range sums {
			sums[b] = [2]reg.VecVirtual{YMM(), YMM()}
			VPBROADCASTD(t.bias(b), sums[b][0])
			VPSRAD(U8(7), sums[b][0], sums[b][0]) // −Σq
			VPMULLD(less, sums[b][0], sums[b][0])
			VMOVDQA(sums[b][0], sums[b][1])
		}
	}
	x, quads, run := GP64(), GP64(), GP64()
	MOVQ(t.values, x)
	MOVQ(U32(groupQuads), quads)
	MOVL(Mem{Base: ranges, Disp: 4}, run.As32())
	for _, r := range runs[:len(runs)-1] {
		CMPL(run.As32(), U8(r.quads))
		JEQ(LabelRef(fmt.Sprint("run", r.quads)))
	}
	for i := range runs {
		r := runs[len(runs)-1-i]
		l := fmt.Sprint("run", r.quads)
		Label(l)
		some := max(4, r.quads)
		if r.quads == 0 {
			t.signed(sums, x, some)
		} else {
			t.run(sums, x, some, r.quads)
		}
		ADDQ(U8(4*some), x)
		ADDQ(I32(lineBytes*some), t.codes)
		SUBQ(U8(some), quads)
		JNZ(LabelRef(l))
		if i+1 < len(runs) {
			JMP(LabelRef("summed"))
		}
	}
	Label("summed")
	for b := range sums {
		scale := YMM()
		VBROADCASTSS(t.scale(b), scale)
		for half, sum := range sums[b] {
			VCVTDQ2PS(sum, sum)
			VFMADD213PS(t.output(half*m.bytes(), b), scale, sum)
			VMOVUPS(sum, t.output(half*m.bytes(), b))
		}
	}
	ADDQ(t.next, t.values)
	ADDQ(t.next, t.biases)
	ADDQ(U8(8), ranges)
	DECQ(t.groups)
	JNZ(LabelRef("group"))
	for b := range vectors {
		for off := 0; off < lineBytes; off += m.bytes() {
			t.canonical(off, b)
		}
	}
	VZEROUPPER()
	RET()
}

// loadCodes returns a quad of all rows.
func (t *integerTile) loadCodes(quad int) (codes [2]reg.VecVirtual) {
	for half := range codes {
		codes[half] = YMM()
		VMOVDQU(Mem{Base: t.codes, Disp: lineBytes*quad + half*t.m.bytes()}, codes[half])
	}
	return codes
}

// run adds so many quads, whole runs.
func (t *integerTile) run(sums [][2]reg.VecVirtual, x reg.Register, quads, run int) {
	short := make([][2]reg.VecVirtual, t.vectors)
	for quad := range quads {
		codes := t.loadCodes(quad)
		for b := range sums {
			v := YMM()
			VPBROADCASTD(quadOf(x, quad, b), v)
			for half, code := range codes {
				product := v // the last of its use
				if half == 0 {
					product = YMM()
				}
				VPMADDUBSW(v, code, product)
				if quad%run == 0 {
					short[b][half] = product
				} else {
					VPADDW(product, short[b][half], short[b][half])
				}
				if (quad+1)%run == 0 {
					VPMADDWD(constantD(t.m, 0x00010001), short[b][half], short[b][half])
					VPADDD(short[b][half], sums[b][half], sums[b][half])
				}
			}
		}
	}
}

// signed adds so many quads of integers: |z| ≤ 128 times ±q, |q| ≤ 127, so that the sum of two products is at most 32,512.
func (t *integerTile) signed(sums [][2]reg.VecVirtual, x reg.Register, quads int) {
	for quad := range quads {
		codes := t.loadCodes(quad)
		var sizes [2]reg.VecVirtual
		for half, z := range codes {
			sizes[half] = YMM()
			VPABSB(z, sizes[half])
		}
		for b := range sums {
			v := YMM()
			VPBROADCASTD(quadOf(x, quad, b), v)
			for half, z := range codes {
				product := v
				if half == 0 {
					product = YMM()
				}
				VPSIGNB(z, v, product)
				VPMADDUBSW(product, sizes[half], product)
				VPMADDWD(constantD(t.m, 0x00010001), product, product)
				VPADDD(product, sums[b][half], sums[b][half])
			}
		}
	}
}

// narrowGroups takes the least code of each group from all its codes, or the code of 0 where they differ by too much, and says what
// that leaves them less than integers, and how long runs are.
func narrowGroups(m machine, name string) {
	TEXT(name, NOSPLIT, "func(codes *byte, ranges *int32, groups int)")
	Pragma("noescape")
	Doc(name + " makes the codes of each group of a strip as small as runs need.")
	codes, ranges, groups := Load(Param("codes"), GP64()), Load(Param("ranges"), GP64()), GP64()
	Load(Param("groups"), groups)
	const registers = groupQuads * lineBytes / 32
	Label("group")
	var ends [2][2]reg.VecVirtual // least and greatest, of every second register
	for i := range registers {
		at := Mem{Base: codes, Disp: 32 * i}
		if i < 2 {
			ends[0][i], ends[1][i] = YMM(), YMM()
			VMOVDQU(at, ends[0][i])
			VMOVDQA(ends[0][i], ends[1][i])
			continue
		}
		code := YMM()
		VMOVDQU(at, code)
		VPMINUB(code, ends[0][i%2], ends[0][i%2])
		VPMAXUB(code, ends[1][i%2], ends[1][i%2])
	}
	VPMINUB(ends[0][1], ends[0][0], ends[0][0])
	VPMAXUB(ends[1][1], ends[1][0], ends[1][0])
	VPXOR(everyByte(m, 255), ends[1][0], ends[1][0])
	least, most := GP64(), GP64()
	for i, r := range []reg.GPVirtual{least, most} {
		upper, v := XMM(), ends[i][0]
		VEXTRACTI128(U8(1), v, upper)
		v = v.AsX().(reg.VecVirtual)
		VPMINUB(upper, v, v)
		VPSRLW(U8(8), v, upper)
		VPMINUB(upper, v, v)
		VPHMINPOSUW(v, v)
		VMOVD(v, r.As32())
		ANDL(U32(255), r.As32())
	}
	XORL(U32(255), most.As32())
	SUBL(least.As32(), most.As32())
	for _, r := range runs[:len(runs)-1] {
		CMPL(most.As32(), U32(r.most))
		JLS(LabelRef(fmt.Sprint("run", r.quads)))
	}
	MOVQ(U32(zeroCode), least) // integers, with a sign
	MOVL(U32(0), Mem{Base: ranges, Disp: 4})
	JMP(LabelRef("less"))
	for _, r := range runs[:len(runs)-1] {
		Label(fmt.Sprint("run", r.quads))
		MOVL(U32(r.quads), Mem{Base: ranges, Disp: 4})
		JMP(LabelRef("less"))
	}
	Label("less")
	{
		x, v := XMM(), YMM()
		VMOVD(least.As32(), x)
		VPBROADCASTB(x, v)
		for i := range registers {
			at, code := Mem{Base: codes, Disp: 32 * i}, YMM()
			VMOVDQU(at, code)
			VPSUBB(v, code, code)
			VMOVDQU(code, at)
		}
	}
	NEGL(least.As32())
	ADDL(U32(zeroCode), least.As32())
	MOVL(least.As32(), Mem{Base: ranges})
	ADDQ(I32(groupQuads*lineBytes), codes)
	ADDQ(U8(8), ranges)
	DECQ(groups)
	JNZ(LabelRef("group"))
	VZEROUPPER()
	RET()
}
