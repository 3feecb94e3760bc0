package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scalar reads index bytes one by one and weights one by one, any float32.
// With 256-bit registers and 256 entries it takes less time than VGATHERDPS
// and than 16 VPSHUFB for each byte plane.
type scalar struct {
	m       machine
	table   reg.Register
	columns bool
}

func (*scalar) name() string { return "Bytes" }
func (*scalar) tables() int  { return 0 }
func (*scalar) strip() int   { return 1 }
func (*scalar) advance() int { return 64 }
func (*scalar) element() int { return 1 }

func (s *scalar) setup(table reg.Register, columns bool) {
	s.table, s.columns = table, columns
}

func (s *scalar) group(_, part int, mem at, _ *tail, u use) {
	for step := range 4 {
		weight := func(lane int) Mem {
			j := column(step, 8*part+lane)
			if s.columns {
				j = 8*(4*part+step) + lane
			}
			i := GP64()
			MOVBLZX(mem(j), i.As32())
			return Mem{Base: s.table, Disp: tableValues, Index: i, Scale: 4}
		}
		quad := func(first int) reg.VecVirtual {
			v := XMM()
			VMOVSS(weight(first), v)
			for l := 1; l < 4; l++ {
				VINSERTPS(U8(l<<4), weight(first+l), v, v)
			}
			return v
		}
		lower, upper, w := quad(0), quad(4), YMM()
		VINSERTF128(U8(1), upper, lower.AsY(), w)
		u(step, w)
	}
}
