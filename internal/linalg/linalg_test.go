package linalg

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// engines are all levels on one and on three threads.
func engines(t testing.TB) map[string]*Engine {
	all := map[string]*Engine{}
	for _, level := range kernel.Levels() {
		k, err := kernel.ForLevel(level)
		if err != nil {
			t.Fatal(err)
		}
		for _, threads := range []int{1, 3} {
			all[fmt.Sprintf("%s, %d threads", level, threads)] = New(k, threads)
		}
	}
	return all
}

func random(r *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	return v
}

// special numbers: every operation must take them as math.FMA does.
var special = []float64{
	0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64, -5e-310, math.MaxFloat64, 1e-170, -1e160,
}

// odd replaces some of v by special numbers.
func odd(r *rand.Rand, v []float64) []float64 {
	for i := range v {
		if r.IntN(12) == 0 {
			v[i] = special[r.IntN(len(special))]
		}
	}
	return v
}

// apart returns rows of n values that are ld apart; what lies between them is NaN.
func apart[T float32 | float64](v []T, rows, n, ld int) []T {
	wide := make([]T, rows*ld)
	for i := range wide {
		wide[i] = T(math.NaN())
	}
	for r := range rows {
		copy(wide[r*ld:], v[r*n:][:n])
	}
	return wide
}

// same compares bit for bit, but for the kind of a NaN.
func same(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		g, w := got[i], want[i]
		if math.Float64bits(g) != math.Float64bits(w) && !(g != g && w != w) {
			t.Fatalf("%s: element %d is %g (%x), want %g (%x)", what, i, g, math.Float64bits(g), w, math.Float64bits(w))
		}
	}
}

// mulAdd is the canon, element by element; from says where the chain of column j begins.
func mulAdd(c []float64, ldc int, a []float64, lda int, b []float64, ldb, m, n, k int, sign Sign, from func(j int) int) {
	for i := range m {
		for j := range n {
			sum := c[i*ldc+j]
			for p := from(j); p < k; p++ {
				u := a[i*lda+p]
				if sign == Minus {
					u = -u
				}
				sum = math.FMA(u, b[p*ldb+j], sum)
			}
			c[i*ldc+j] = sum
		}
	}
}

func fromStart(int) int { return 0 }

var shapes = [][3]int{
	{0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {1, 1, 1}, {4, 4, 3}, {5, 7, 193}, {8, 24, 192}, {9, 25, 10}, {16, 48, 64}, {31, 33, 385},
	{97, 50, 200}, {200, 13, 20}, {3, 2100, 5}, {100, 72, 1},
}

func TestMulAdd(t *testing.T) {
	for i, s := range shapes {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		m, n, k := s[0], s[1], s[2]
		lda, ldb, ldc := k+i%3, n+i%2, n+i%4
		c0, a, b := random(r, m*ldc), random(r, m*lda), random(r, k*ldb)
		if i%2 == 1 {
			odd(r, c0)
			odd(r, a)
			odd(r, b)
		}
		for _, sign := range []Sign{Plus, Minus} {
			want := slices.Clone(c0)
			mulAdd(want, ldc, a, lda, b, ldb, m, n, k, sign, fromStart)
			for name, e := range engines(t) {
				got := slices.Clone(c0)
				if err := e.MulAdd(t.Context(), got, ldc, a, lda, b, ldb, m, n, k, sign); err != nil {
					t.Fatal(err)
				}
				same(t, fmt.Sprint(name, s, sign), got, want)
			}
		}
	}
}

func TestMulAddLower(t *testing.T) {
	for i, s := range [][2]int{{0, 3}, {3, 0}, {1, 1}, {7, 5}, {20, 25}, {13, 193}, {33, 250}, {100, 97}, {2, 2100}} {
		r := rand.New(rand.NewPCG(uint64(i), 2))
		m, n := s[0], s[1]
		lda, ldl, ldc := n+i%3, n+i%2, n+i%4
		c0, a, l := random(r, m*ldc), random(r, m*lda), random(r, n*ldl)
		for p := range n {
			for j := p + 1; j < n; j++ {
				l[p*ldl+j] = math.NaN()
			}
		}
		want := slices.Clone(c0)
		mulAdd(want, ldc, a, lda, l, ldl, m, n, n, Plus, func(j int) int { return j })
		for name, e := range engines(t) {
			got := slices.Clone(c0)
			if err := e.MulAddLower(t.Context(), got, ldc, a, lda, l, ldl, m, n); err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprint(name, s), got, want)
		}
	}
}

// TestGram also cuts the rows into two calls.
func TestGram(t *testing.T) {
	for i, s := range [][2]int{{0, 3}, {3, 0}, {1, 1}, {7, 5}, {20, 25}, {193, 13}, {250, 100}, {400, 49}, {40, 200}, {3, 2100}} {
		r := rand.New(rand.NewPCG(uint64(i), 3))
		rows, n := s[0], s[1]
		ld := n + i%3
		x, wide := make([]float32, rows*n), make([]float64, rows*n)
		for j := range x {
			x[j] = float32(r.NormFloat64())
			if i%2 == 1 && r.IntN(50) == 0 {
				x[j] = float32(special[r.IntN(len(special))])
			}
			wide[j] = float64(x[j])
		}
		c0 := random(r, n*n)
		want := slices.Clone(c0)
		for a := range n {
			for b := range a + 1 {
				for p := range rows {
					want[a*n+b] = math.FMA(wide[p*n+a], wide[p*n+b], want[a*n+b])
				}
			}
		}
		cut := rows / 3
		x = apart(x, rows, n, ld)
		for name, e := range engines(t) {
			got := slices.Clone(c0)
			for _, part := range [][2]int{{0, cut}, {cut, rows}} {
				if err := e.Gram(t.Context(), got, n, x[part[0]*ld:], ld, part[1]-part[0]); err != nil {
					t.Fatal(err)
				}
			}
			same(t, fmt.Sprint(name, s), got, want)
		}
	}
}

// positive returns a positive definite matrix whose upper triangle is NaN.
func positive(r *rand.Rand, n int) []float64 {
	x, a := random(r, n*n), make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			for p := range n {
				a[i*n+j] += x[i*n+p] * x[j*n+p]
			}
		}
		a[i*n+i] += 0.1
		for j := i + 1; j < n; j++ {
			a[i*n+j] = math.NaN()
		}
	}
	return a
}

// cholesky is the canon, element by element.
func cholesky(a []float64, n int) {
	for i := range n {
		for j := range i + 1 {
			sum := a[i*n+j]
			for p := range j {
				sum = math.FMA(-a[i*n+p], a[j*n+p], sum)
			}
			if i == j {
				a[i*n+j] = math.Sqrt(sum)
			} else {
				a[i*n+j] = sum / a[j*n+j]
			}
		}
	}
}

func TestCholesky(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5, 31, 32, 33, 63, 64, 65, 100, 193, 330} {
		a := positive(rand.New(rand.NewPCG(uint64(n), 4)), n)
		want := slices.Clone(a)
		cholesky(want, n)
		for name, e := range engines(t) {
			got := slices.Clone(a)
			if err := e.Cholesky(t.Context(), got, n); err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprint(name, " ", n), got, want)
		}
		for i := range n {
			for j := range i + 1 {
				sum := 0.0
				for p := range j + 1 {
					sum += want[i*n+p] * want[j*n+p]
				}
				if math.Abs(sum-a[i*n+j]) > 1e-11*float64(n) {
					t.Fatalf("n %d: (L·Lᵀ)[%d,%d] is %g, want %g", n, i, j, sum, a[i*n+j])
				}
			}
		}
	}
}

func TestCholeskySingular(t *testing.T) {
	for _, pivot := range []float64{-1, math.NaN(), math.Inf(1)} {
		for _, column := range []int{0, 31, 40, 99} {
			a := positive(rand.New(rand.NewPCG(5, 5)), 100)
			a[column*101] = pivot
			err := New(kernel.Best(), 2).Cholesky(t.Context(), a, 100)
			if !errors.Is(err, ErrSingular) {
				t.Fatalf("pivot %g in column %d: %v", pivot, column, err)
			}
			if want := fmt.Sprintf("in column %d", column); !strings.HasSuffix(err.Error(), want) {
				t.Errorf("pivot %g in column %d: %v", pivot, column, err)
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := New(kernel.Best(), 2)
	a := positive(rand.New(rand.NewPCG(6, 6)), 100)
	if err := e.Cholesky(ctx, a, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("Cholesky: %v", err)
	}
	if err := e.MulAdd(ctx, a, 10, a[200:], 10, a[400:], 10, 10, 10, 10, Plus); !errors.Is(err, context.Canceled) {
		t.Errorf("MulAdd: %v", err)
	}
}

func TestShortSlices(t *testing.T) {
	e := New(kernel.Best(), 1)
	v := make([]float64, 12)
	for name, f := range map[string]func(){
		"c":          func() { e.MulAdd(t.Context(), v[:11], 4, v, 4, v, 4, 3, 4, 3, Plus) },
		"a":          func() { e.MulAdd(t.Context(), v, 4, v[:5], 2, v, 4, 3, 4, 2, Plus) },
		"ld":         func() { e.MulAdd(t.Context(), v, 3, v, 2, v, 4, 3, 4, 2, Plus) },
		"gram":       func() { e.Gram(t.Context(), v[:9], 3, make([]float32, 5), 3, 2) },
		"cholesky":   func() { e.Cholesky(t.Context(), v[:8], 3) },
		"no columns": func() { e.MulAdd(t.Context(), v, 4, v, 4, v, 4, 3, -1, 3, Plus) },
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
