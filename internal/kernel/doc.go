// Package kernel multiplies vectors by matrices whose weights are codebook
// indices, without ever writing the matrix out as floats.
//
// Three things are needed for a product: a [Table] (the codebook, arranged for
// lookup), the activations (for X·Wᵀ brought into lane order once by
// [Activations.Pack]) and a [Kernels], the set of routines for one CPU level:
//
//	k, err := kernel.FromEnv()       // HELIX_CPU or the best this machine has
//	t := kernel.NewTable(codebook)   // up to 256 values
//	var x kernel.Activations
//	x.Pack(input, batch, n)          // [batch, n] row-major
//	k.DotRows(y, rows, &x, t, indices, rows)
//
// # The numeric canon
//
// Every level gives the same bits, for every batch size and every way to cut a
// matrix into calls. That holds because the order of operations is part of the
// interface, not of the implementation:
//
//   - X·Wᵀ ([Kernels.DotRows]): an output has 16 partial sums, the lanes, that
//     start at +0. Within a group of 64 columns, column j feeds lane
//     4·⌊j/16⌋ + ⌊(j mod 8)/2⌋, columns in ascending order, each by one fused
//     multiply-add. Columns past the end of the last group are steps
//     fma(+0, +0, lane). Then lanes i and i+8 are added, then i and i+4, i+2,
//     i+1. A dot product of no columns is +0.
//   - X·W ([Kernels.AccumulateRows]): an output is one chain of fused
//     multiply-adds over the rows in ascending order, starting at the y given.
//   - Exponentials ([Kernels.SiLUMul] and its kind) are those of
//     internal/detmath, operation by operation.
//   - Attention ([Kernels.Attend]) goes tile by tile of 64 positions, with a running softmax; its
//     exponential is of float32. docs/KERNELS.md has the order of its steps.
//   - A fused multiply-add rounds once, to nearest even; subnormal numbers are
//     kept (no flush to zero). [FMA32] is the portable one.
//   - A NaN output is always the quiet NaN 0x7FC00000, whatever made it.
//
// # Errors
//
// The package is internal, so a slice of the wrong length is a mistake of the
// program: every method checks all lengths before it touches memory and panics
// with a message that names the method and the lengths. Indices need no check:
// those beyond the codebook read as +0.
//
// All methods are safe for concurrent use as long as the outputs don't overlap.
// No method keeps a slice it was given.
package kernel
