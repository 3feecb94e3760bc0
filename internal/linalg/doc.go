// Package linalg is the float64 linear algebra that a quantizer needs: sums of
// outer products, matrix products and Cholesky's factor.
//
// # The canon
//
// Every operation gives the same bits at every CPU level, for every number of
// threads and every way to cut it into calls, because the order of operations
// is part of the interface. An element of a product is one chain of fused
// multiply-adds over the inner index in ascending order, starting at the C
// given. So is an element of Cholesky's factor, before its division or root:
//
//	L[i,j] = (A[i,j] − L[i,0]·L[j,0] − … − L[i,j-1]·L[j,j-1]) / L[j,j]
//
// Every multiply-add, division and root rounds once, to nearest even. Which NaN
// comes out for a NaN is not specified.
//
// # Matrices
//
// A matrix is row-major; its rows are a leading dimension (ld, in elements)
// apart. Symmetric matrices are square with ld == n, and only their lower
// triangle is read and written.
//
// The package is internal, so a slice of the wrong length is a mistake of the
// program: methods check lengths first and panic.
package linalg
