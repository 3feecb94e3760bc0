package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// newRounding draws columns of which some are dead, and some take few integers.
func newRounding(r *rand.Rand) *Rounding {
	g := &Rounding{}
	for k := range RoundColumns {
		for i := range RoundColumns {
			g.Below[k][i] = r.NormFloat64()
		}
		step := math.Exp(3 * r.NormFloat64())
		g.Inverse[k], g.Stored[k], g.Limit[k] = 1/step, step*(1+0.01*r.NormFloat64()), math.MaxInt32
		switch r.IntN(6) {
		case 0:
			g.Inverse[k], g.Stored[k], g.Limit[k] = 0, 0, 0
		case 1:
			g.Limit[k] = float64(r.IntN(200))
		}
		g.ZZ[k], g.ZY[k], g.EE[k], g.RR[k] = r.Float64(), r.NormFloat64(), r.Float64(), r.Float64()
	}
	return g
}

// newRoundRows draws rows, some of them of very large and of small numbers.
func newRoundRows(r *rand.Rand, count, columns int) *RoundRows {
	rows := &RoundRows{Count: count, YStride: columns + r.IntN(4), WStride: columns + r.IntN(4), LostStride: columns + r.IntN(4)}
	size := func(stride int) int { return max((count-1)*stride+columns, 0) }
	rows.Y, rows.W, rows.Lost = make([]float64, size(rows.YStride)), make([]float32, size(rows.WStride)), make([]float64, size(rows.LostStride))
	rows.Codes, rows.Integers, rows.Outside = make([]byte, size(rows.WStride)), make([]int32, count*RoundColumns), make([]byte, count)
	sizes := []float64{1, 1, 1, 1e-30, 100, 1e9, 1e30}
	for i := range rows.Y {
		rows.Y[i] = r.NormFloat64() * sizes[r.IntN(len(sizes))]
		if r.IntN(20) == 0 {
			rows.Y[i] = []float64{0, math.Copysign(0, -1), 0.5, -0.5, 1.5, 2.5}[r.IntN(6)]
		}
	}
	for i := range rows.W {
		rows.W[i] = float32(r.NormFloat64() * sizes[r.IntN(len(sizes))])
	}
	return rows
}

func (r *RoundRows) clone() *RoundRows {
	c := *r
	c.Y, c.W, c.Lost, c.Codes = slices.Clone(r.Y), slices.Clone(r.W), slices.Clone(r.Lost), slices.Clone(r.Codes)
	c.Integers, c.Outside = slices.Clone(r.Integers), slices.Clone(r.Outside)
	return &c
}

func TestRound64Levels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 64))
	escapes := 0
	for _, count := range []int{0, 1, 15, 16, 17, 47, 128} {
		for columns := 1; columns <= RoundColumns; columns++ {
			g, rows := newRounding(r), newRoundRows(r, count, columns)
			want, wantRows := *g, rows.clone()
			generic(t).Round64(&want, wantRows, columns)
			for _, b := range wantRows.Outside {
				escapes += int(b)
			}
			for _, l := range Levels() {
				k, _ := ForLevel(l)
				got, gotRows := *g, rows.clone()
				k.Round64(&got, gotRows, columns)
				what := fmt.Sprint(l, " ", count, " rows, ", columns, " columns: ")
				for i, pair := range [][2][RoundColumns]float64{{got.ZZ, want.ZZ}, {got.ZY, want.ZY}, {got.EE, want.EE}, {got.RR, want.RR}} {
					wantBits64(t, fmt.Sprint(what, "sum ", i), pair[0][:], pair[1][:])
				}
				wantBits64(t, what+"lost", gotRows.Lost, wantRows.Lost)
				if columns < RoundColumns {
					gotRows.Integers = wantRows.Integers // beyond the columns they say nothing
				}
				if !reflect.DeepEqual(gotRows, wantRows) {
					t.Errorf("%s%+v, want %+v", what, gotRows, wantRows)
				}
			}
		}
	}
	if escapes == 0 {
		t.Error("no integer was outside the codes")
	}
}

// TestRound64 compares with the method as it is told, on numbers that are exact.
func TestRound64(t *testing.T) {
	g := &Rounding{}
	for k := range 2 {
		g.Inverse[k], g.Stored[k], g.Limit[k] = 2, 0.5, 1000
	}
	g.Below[0][1] = 0.5
	r := &RoundRows{
		Count: 2, Y: []float64{3, 1.125, -400, 700}, W: []float32{3, 1.25, -400, 700}, Lost: make([]float64, 4), Codes: make([]byte, 4),
		YStride: 2, WStride: 2, LostStride: 2, Integers: make([]int32, 16), Outside: make([]byte, 2),
	}
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		sums := *g
		k.Round64(&sums, r, 2)
		// Row 0: 1.125 is 2.25 steps, which lose 1.25−1 = 0.25; 3 + 0.125 is 6.25 steps. Row 1: 700 is 1400 steps, at most
		// 1000, which lose 200; −400 + 100 is −600 steps.
		if !slices.Equal(r.Lost, []float64{0, 0.25, -100, 200}) || !slices.Equal(r.Codes, []byte{134, 130, 128, 128}) ||
			!slices.Equal(r.Outside, []byte{0, 3}) || r.Integers[8] != -600 || r.Integers[9] != 1000 {
			t.Errorf("%s: %+v", l, r)
		}
		if sums.ZZ != [RoundColumns]float64{36 + 360000, 4 + 1e6} || sums.ZY != [RoundColumns]float64{6*6.25 + 360000, 4.5 + 1400000} ||
			sums.EE != [RoundColumns]float64{1.0 / 64, 1.0/64 + 40000} || sums.RR != [RoundColumns]float64{10000, 1.0/16 + 40000} {
			t.Errorf("%s: %v, %v, %v, %v", l, sums.ZZ, sums.ZY, sums.EE, sums.RR)
		}
	}
}

func TestRound64Lengths(t *testing.T) {
	k := Best()
	for name, change := range map[string]func(r *RoundRows){
		"y":        func(r *RoundRows) { r.Y = r.Y[1:] },
		"w":        func(r *RoundRows) { r.W = r.W[1:] },
		"lost":     func(r *RoundRows) { r.Lost = r.Lost[1:] },
		"codes":    func(r *RoundRows) { r.Codes = r.Codes[1:] },
		"integers": func(r *RoundRows) { r.Integers = r.Integers[1:] },
		"outside":  func(r *RoundRows) { r.Outside = r.Outside[1:] },
		"stride":   func(r *RoundRows) { r.LostStride = RoundColumns - 1 },
		"count":    func(r *RoundRows) { r.Count = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("taken")
				}
			}()
			rows := newRoundRows(rand.New(rand.NewPCG(1, 1)), 16, RoundColumns)
			change(rows)
			k.Round64(&Rounding{}, rows, RoundColumns)
		})
	}
}

func BenchmarkRound64(b *testing.B) {
	const rows = 128
	r := rand.New(rand.NewPCG(2, 2))
	g := newRounding(r)
	o := newRoundRows(r, rows, RoundColumns)
	for i := range o.Y {
		o.Y[i], o.W[i%len(o.W)] = r.NormFloat64(), float32(r.NormFloat64())
	}
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		b.Run(string(l), func(b *testing.B) {
			for b.Loop() {
				k.Round64(g, o, RoundColumns)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows/RoundColumns, "ns/weight")
		})
	}
}
