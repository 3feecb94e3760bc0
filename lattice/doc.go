// Package lattice quantizes a weight matrix to a grid of integers, with the matrix's inputs in view: W ≈ Z·diag(s), Z
// integers and s a step per column, such that the outputs W·x change as little as the size allows.
//
// What is known of the inputs x is their Gram matrix Σ, the mean of x·xᵀ. Factor takes it apart once for all matrices
// that share the input; Quantize then turns each into a cdna.LatticeMatrix of a wanted size:
//
//	f, err := lattice.NewFactor(ctx, gram, n, lattice.Damping(tokens, n), 0)
//	r, err := lattice.Quantize(ctx, weights, f, lattice.Options{Bits: 4})
//	_, err = cdna.CreateLattice("w.lattice.hxz", &r.Matrix, cdna.LatticeOptions{})
//
// # The method
//
// With Σ = M·diag(d)·Mᵀ, M unit lower triangular, the squared error of the outputs is a sum over columns, d_j·e_j², in
// which e_j = (R·M)_j for the differences R between the weights and their quantized values. Columns are rounded from last
// to first, each after what the later ones lost has been added to it:
//
//	y_j = W_j + Σ_{i>j} R_i·M_ij,   z_j = round(y_j/s_j),   R_j = W_j − γ_j·s_j·z_j
//
// so that e_j = y_j − γ_j·s_j·z_j is the rounding error of column j alone. This is successive cancellation, known as GPTQ
// without its limit on z (Birnick, arXiv 2507.18553; 2605.13768 shows the same). The steps s_j = c/√d_j give all columns the
// same error, which is what costs the fewest bits (reverse water-filling; WaterSIC, arXiv 2603.04956); the one number c
// sets the size. γ_j shrinks what is reconstructed to the mean of what was rounded to it.
//
// # Long inputs
//
// Σ of n inputs has n² numbers. Of more than 8192 inputs it is taken as block-diagonal: they are cut into parts (Parts), each
// of which is quantized as if it had nothing to do with the others, so that no Σ takes more than 512 MiB.
//
// # Reproducible
//
// All is done in float64, in an order that depends on the shape alone: results are the same for all numbers of threads and
// CPU levels.
package lattice
