package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPackParts: vectors that are packed part by part, in any order and into memory that others have used, are what Pack
// makes of them.
func TestPackParts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range []struct{ batch, n int }{{1, 1}, {1, 64}, {2, 65}, {5, 200}, {7, 129}, {13, 640}} {
		x := values(r, s.batch*s.n, false)
		order, scale := make([]uint32, s.n), values(r, s.n, false)
		for j, column := range r.Perm(s.n) {
			order[j] = uint32(column)
		}
		scaled := make([]float32, len(x))
		for at := range scaled {
			j := at % s.n
			scaled[at] = x[at-j+int(order[j])] * scale[j]
		}
		type part struct{ b, from int }
		var parts []part
		for b := range s.batch {
			for from := 0; from < s.n; from += PackUnit {
				parts = append(parts, part{b, from})
			}
		}
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		columns := NewColumns(order, scale)
		var want, got Activations
		got.Pack(values(r, 20*704, false), 20, 704)
		for name, pack := range map[string]func(p part){
			"as they are": func(p part) { got.PackColumns(p.b, x[p.b*s.n:][:s.n], p.from, min(p.from+PackUnit, s.n)) },
			"scaled": func(p part) {
				got.PackScaledColumns(p.b, x[p.b*s.n:][:s.n], columns, p.from, min(p.from+PackUnit, s.n))
			},
		} {
			if want.Pack(x, s.batch, s.n); name == "scaled" {
				want.Pack(scaled, s.batch, s.n)
			}
			got.Reserve(s.batch, s.n)
			for _, p := range parts {
				pack(p)
			}
			if !slices.Equal(got.data, want.data) {
				t.Errorf("%d × %d, %s: other values", s.batch, s.n, name)
			}
		}
	}
}
