package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// solve64 solves Y·Lᵀ = X for square tiles of X, one below the other, as many rows and columns as a register has elements:
// tiles are turned, so that a register is a column of one, which waits for those before it; so two tiles go together.
func solve64(m machine, name string) {
	TEXT(name, NOSPLIT, "func(x *float64, ldx int, l *float64, ldl, tiles int)")
	Pragma("noescape")
	Doc(name + " is Solve64 of tiles, at least one; strides are in bytes.")
	x, ldx, tiles := Load(Param("x"), GP64()), Load(Param("ldx"), GP64()), Load(Param("tiles"), GP64())
	ldl := Load(Param("ldl"), GP64())
	lanes := m.bytes() / 8
	s := &solver{m: m, x: x, ldx: ldx, ldl: ldl, ldl3: times3(ldl), l: everyFourthRow(Load(Param("l"), GP64()), ldl, lanes/4)}
	Label("pairs")
	SUBQ(I8(2), tiles)
	JL(LabelRef("last"))
	s.solve(2)
	JMP(LabelRef("pairs"))
	Label("last")
	ADDQ(I8(2), tiles)
	JZ(LabelRef("end"))
	s.solve(1)
	Label("end")
	VZEROUPPER()
	RET()
}

type solver struct {
	m         machine
	x, ldx    reg.Register
	ldl, ldl3 reg.Register
	l         []reg.Register // rows 0, 4
}

// at is element p of row q of L.
func (s *solver) at(q, p int) Mem { return element(s.l[q/4], s.ldl, s.ldl3, q%4, 8*p) }

// solve solves for some tiles and goes on behind them.
func (s *solver) solve(tiles int) {
	m, lanes := s.m, s.m.bytes()/8
	from := GP64()
	MOVQ(s.x, from)
	y := make([][]reg.VecVirtual, tiles)
	for t := range y {
		rows := make([]reg.VecVirtual, lanes)
		for r := range rows {
			rows[r] = m.reg()
			VMOVUPD(Mem{Base: from}, rows[r])
			ADDQ(s.ldx, from)
		}
		y[t] = turn64(m, rows)
	}
	for q := range lanes {
		for p := range q {
			if m.zmm {
				for t := range y {
					VFNMADD231PD_BCST(s.at(q, p), y[t][p], y[t][q])
				}
				continue
			}
			v := m.reg()
			VBROADCASTSD(s.at(q, p), v)
			for t := range y {
				VFNMADD231PD(v, y[t][p], y[t][q])
			}
		}
		divisor := m.reg()
		VBROADCASTSD(s.at(q, q), divisor)
		for t := range y {
			VDIVPD(divisor, y[t][q], y[t][q])
		}
	}
	for t := range y {
		for _, v := range turn64(m, y[t]) {
			VMOVUPD(v, Mem{Base: s.x})
			ADDQ(s.ldx, s.x)
		}
	}
}
