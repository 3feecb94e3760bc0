package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var special64 = []float64{
	0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64, -5e-310, math.MaxFloat64, 1e-170, -1e160,
}

// values64 draws n values, some of them special.
func values64(r *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64()
		if r.IntN(16) == 0 {
			v[i] = special64[r.IntN(len(special64))]
		}
	}
	return v
}

// wantBits64 compares bit for bit, but for the kind of a NaN.
func wantBits64(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		g, w := math.Float64bits(got[i]), math.Float64bits(want[i])
		if g != w && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			t.Fatalf("%s: element %d is %g (%x), want %g (%x)", what, i, got[i], g, want[i], w)
		}
	}
}

// eachTile64 runs f for every tile of every level.
func eachTile64(f func(what string, k *Kernels, rows, columns int)) {
	for _, l := range Levels() {
		k, err := ForLevel(l)
		if err != nil {
			panic(err)
		}
		rows, most := k.Tile64()
		for columns := rows; columns <= most; columns += rows {
			f(fmt.Sprintf("%s %d × %d", l, rows, columns), k, rows, columns)
		}
	}
}

func TestTile64Levels(t *testing.T) {
	eachTile64(func(what string, k *Kernels, rows, columns int) {
		for _, steps := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 40, 193} {
			for _, turned := range []bool{false, true} {
				r := rand.New(rand.NewPCG(uint64(steps), 1))
				ldc, lda, step := columns+steps%3, steps+steps%5, 1
				n := (rows-1)*lda + steps
				if turned {
					lda, step = 1, rows+steps%5
					n = (steps-1)*step + rows
				}
				c, a, b := values64(r, (rows-1)*ldc+columns), values64(r, max(n, 0)), values64(r, steps*columns)
				want := slices.Clone(c)
				for i := range rows {
					for j := range columns {
						for p := range steps {
							want[i*ldc+j] = math.FMA(a[i*lda+p*step], b[p*columns+j], want[i*ldc+j])
						}
					}
				}
				k.MulTile64(c, ldc, columns, a, lda, step, b, steps)
				wantBits64(t, fmt.Sprint(what, " ", steps, " steps, turned ", turned), c, want)
			}
		}
	})
}

func TestPack64Levels(t *testing.T) {
	eachTile64(func(what string, k *Kernels, rows, columns int) {
		for _, steps := range []int{0, 1, 2, 50} {
			r := rand.New(rand.NewPCG(uint64(steps), 2))
			ld := columns + steps%7
			src := values64(r, max((steps-1)*ld+columns, 0))
			narrow, rounded := make([]float32, len(src)), make([]float64, len(src))
			for i, v := range src {
				narrow[i] = float32(v)
				rounded[i] = float64(narrow[i])
			}
			for name, pack := range map[string]func(dst []float64) []float64{
				"pack":  func(dst []float64) []float64 { k.Pack64(dst, columns, src, ld, steps); return src },
				"widen": func(dst []float64) []float64 { k.Widen64(dst, columns, narrow, ld, steps); return rounded },
			} {
				dst := make([]float64, steps*columns+1)
				dst[steps*columns] = 5
				from := pack(dst)
				for p := range steps {
					wantBits64(t, fmt.Sprint(what, " ", name, " row ", p), dst[p*columns:][:columns], from[p*ld:][:columns])
				}
				if dst[steps*columns] != 5 {
					t.Errorf("%s %s wrote beyond the panel", what, name)
				}
			}
		}
	})
}

func TestSolve64Levels(t *testing.T) {
	for _, level := range Levels() {
		k, _ := ForLevel(level)
		size, _ := k.Tile64()
		for _, tiles := range []int{0, 1, 2, 3, 8} {
			r := rand.New(rand.NewPCG(uint64(tiles), 3))
			ldx, ldl := size+tiles%3, size+tiles%5
			x, l := values64(r, max((tiles*size-1)*ldx+size, 0)), values64(r, (size-1)*ldl+size)
			want := slices.Clone(x)
			for i := range tiles * size {
				y := want[i*ldx:]
				for q := range size {
					for p := range q {
						y[q] = math.FMA(-y[p], l[q*ldl+p], y[q])
					}
					y[q] /= l[q*ldl+q]
				}
			}
			k.Solve64(x, ldx, l, ldl, tiles)
			wantBits64(t, fmt.Sprint(level, " ", tiles, " tiles"), x, want)
		}
	}
}

func TestTile64Lengths(t *testing.T) {
	k := Best()
	rows, columns := k.Tile64()
	v := make([]float64, 3*rows*columns)
	for name, f := range map[string]func(){
		"c":       func() { k.MulTile64(v[:rows*columns-1], columns, columns, v, 1, rows, v, 2) },
		"a":       func() { k.MulTile64(v, columns, columns, v[:2*rows-1], 1, rows, v, 2) },
		"a short": func() { k.MulTile64(v, columns, columns, v[:2], 1, 1, v, 2) },
		"b":       func() { k.MulTile64(v, columns, columns, v, 1, rows, v[:2*columns-1], 2) },
		"ldc":     func() { k.MulTile64(v, columns-1, columns, v, 1, rows, v, 2) },
		"lda":     func() { k.MulTile64(v, columns, columns, v, 0, rows, v, 2) },
		"step":    func() { k.MulTile64(v, columns, columns, v, 1, math.MaxInt, v, 2) },
		"steps":   func() { k.MulTile64(v, columns, columns, v, 1, rows, v, -1) },
		"wide":    func() { k.MulTile64(v, columns+rows, columns+rows, v, 1, rows, v, 1) },
		"uneven":  func() { k.MulTile64(v, columns, columns-1, v, 1, rows, v, 1) },
		"pack":    func() { k.Pack64(v, columns, v[:2*columns-1], columns, 2) },
		"panel":   func() { k.Pack64(v[:2*columns-1], columns, v, columns, 2) },
		"widen":   func() { k.Widen64(v, columns, make([]float32, columns), columns, 2) },
		"none":    func() { k.MulTile64(v, columns, 0, v, 1, rows, v, 1) },
		"solve x": func() { k.Solve64(v[:2*rows*rows-1], rows, v, rows, 2) },
		"solve l": func() { k.Solve64(v, rows, v[:rows*rows-1], rows, 1) },
		"tiles":   func() { k.Solve64(v, rows, v, rows, -1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("taken")
				}
			}()
			f()
		})
	}
}
