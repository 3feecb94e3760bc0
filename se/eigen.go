package se

import (
	"context"
	"math"
	"slices"
)

// The eigenvalues of a symmetric matrix, without vectors: Householder reduction to
// tridiagonal form, then the implicit QL method (Golub and Van Loan, Matrix
// Computations, 8.3; Parlett, The Symmetric Eigenvalue Problem, 8). Written here
// because linear-algebra libraries sum in another order on each architecture, and
// results must have the same bits: every product is rounded before it is added.

// symmetricEigenvalues returns the eigenvalues of the symmetric matrix whose lower
// triangle is that of a, row-major n × n, largest first. It overwrites a. Its error is
// ctx's.
func symmetricEigenvalues(ctx context.Context, a []float64, n int) ([]float64, error) {
	d, e, err := tridiagonal(ctx, a, n)
	if err != nil {
		return nil, err
	}
	qlImplicit(d, e, nil)
	slices.SortFunc(d, func(x, y float64) int {
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return d, nil
}

// tridiagonal reduces the lower triangle of a to its diagonal d and subdiagonal e,
// e[i] between i and i+1. From the last row up, a reflection H = I − u·uᵀ/h clears row
// i left of its subdiagonal element, and the leading part becomes
// H·A·H = A − u·qᵀ − q·uᵀ with p = A·u/h, q = p − (uᵀp/2h)·u.
func tridiagonal(ctx context.Context, a []float64, n int) (d, e []float64, err error) {
	d, e = make([]float64, n), make([]float64, n)
	q := make([]float64, n)
	for i := n - 1; i >= 1; i-- {
		if err := context.Cause(ctx); err != nil {
			return nil, nil, err
		}
		u := a[i*n : i*n+i] // row i left of the diagonal, becomes the reflection's vector
		d[i] = a[i*n+i]
		largest := 0.0
		for _, v := range u {
			largest = max(largest, math.Abs(v))
		}
		if i == 1 || largest == 0 {
			e[i-1] = u[i-1]
			if i > 1 {
				e[i-1] = 0
			}
			continue
		}
		for k := range u {
			u[k] /= largest
		}
		h := dot(u, u)
		f := u[i-1]
		g := math.Copysign(math.Sqrt(h), f)
		e[i-1] = -float64(largest * g)
		h += float64(f * g)
		u[i-1] = f + g
		p := q[:i]
		symmetricTimes(p, a, n, u)
		for k := range p {
			p[k] /= h
		}
		half := dot(u, p) / float64(2*h)
		for k := range p {
			p[k] -= float64(half * u[k])
		}
		for r := range i {
			subtractTwo(a[r*n:r*n+r+1], u, p, u[r], p[r])
		}
	}
	if n > 0 {
		d[0] = a[0]
	}
	return d, e, nil
}

// symmetricTimes sets p = A·u for the leading len(u) rows of a's lower triangle.
func symmetricTimes(p, a []float64, n int, u []float64) {
	clear(p)
	for r, ur := range u {
		row := a[r*n : r*n+r]
		x, y := u[:len(row)], p[:len(row)]
		var s0, s1 float64
		k := 0
		for ; k+2 <= len(row); k += 2 {
			v, w := row[k], row[k+1]
			s0 += float64(v * x[k])
			s1 += float64(w * x[k+1])
			y[k] += float64(v * ur)
			y[k+1] += float64(w * ur)
		}
		if k < len(row) {
			s0 += float64(row[k] * x[k])
			y[k] += float64(row[k] * ur)
		}
		p[r] += s0 + s1 + float64(a[r*n+r]*ur)
	}
}

// subtractTwo sets row −= ur·q + qr·u.
func subtractTwo(row, u, q []float64, ur, qr float64) {
	u, q = u[:len(row)], q[:len(row)]
	for k := range row {
		row[k] -= float64(ur*q[k]) + float64(qr*u[k])
	}
}

// dot returns xᵀy, in four partial sums.
func dot(x, y []float64) float64 {
	var s0, s1, s2, s3 float64
	y = y[:len(x)]
	k := 0
	for ; k+4 <= len(x); k += 4 {
		s0 += float64(x[k] * y[k])
		s1 += float64(x[k+1] * y[k+1])
		s2 += float64(x[k+2] * y[k+2])
		s3 += float64(x[k+3] * y[k+3])
	}
	for ; k < len(x); k++ {
		s0 += float64(x[k] * y[k])
	}
	return (s0 + s1) + (s2 + s3)
}

// maxSweeps bounds the QL steps for one eigenvalue; two or three are usual.
const maxSweeps = 60

// qlImplicit turns the diagonal d of a symmetric tridiagonal matrix, whose subdiagonal
// is e[:len(d)−1], into its eigenvalues, in no order. first, unless nil, is a row
// vector that is multiplied by the eigenvectors: (1, 0, 0, …) becomes the first
// component of each. It overwrites e, whose length is that of d.
func qlImplicit(d, e, first []float64) {
	n := len(d)
	if n > 0 {
		e[n-1] = 0
	}
	for l := range n {
		for range maxSweeps {
			m := l
			for ; m < n-1; m++ {
				if math.Abs(e[m]) <= 0x1p-53*(math.Abs(d[m])+math.Abs(d[m+1])) {
					break
				}
			}
			if m == l {
				break
			}
			// Wilkinson's shift, from the upper 2 × 2.
			g := (d[l+1] - d[l]) / float64(2*e[l])
			r := hypot(g, 1)
			g = d[m] - d[l] + e[l]/(g+math.Copysign(r, g))
			s, c, p := 1.0, 1.0, 0.0
			i := m - 1
			for ; i >= l; i-- {
				f, b := float64(s*e[i]), float64(c*e[i])
				r = hypot(f, g)
				e[i+1] = r
				if r == 0 { // the matrix falls apart here
					d[i+1] -= p
					e[m] = 0
					break
				}
				s, c = f/r, g/r
				g = d[i+1] - p
				r = float64((d[i]-g)*s) + float64(2*float64(c*b))
				p = float64(s * r)
				d[i+1] = g + p
				g = float64(c*r) - b
				if first != nil {
					x, y := first[i], first[i+1]
					first[i+1] = float64(s*x) + float64(c*y)
					first[i] = float64(c*x) - float64(s*y)
				}
			}
			if i >= l {
				continue
			}
			d[l] -= p
			e[l] = g
			e[m] = 0
		}
	}
}

// hypot returns √(x² + y²) without overflow; math.Hypot has assembly on some machines.
func hypot(x, y float64) float64 {
	x, y = math.Abs(x), math.Abs(y)
	if x < y {
		x, y = y, x
	}
	if x == 0 {
		return 0
	}
	y /= x
	return float64(x * math.Sqrt(1+float64(y*y)))
}
