// Package se measures Structural Entropy: how complex a weight matrix is, from 0 (a
// constant) to nearly 1 (noise), and says where it should be computed.
//
//	r, err := se.Compute(ctx, matrix, se.Options{})
//	...
//	decision := se.Machine().Resolve(se.DefaultPolicy().Decide(r))
//	fmt.Println(r.Se, decision.Wanted, decision.Used)
//
// Se = H·U·D: how evenly the energy is spread over the singular values, how little
// neighbouring rows resemble each other, how many directions there are. Matrices are
// read in runs of rows (RowSource), dense (Slice) or from a CDNA file (Compressed), and
// never held whole beyond what an Estimator says. The same seed gives the same bits for
// any number of threads.
//
// A Policy is plain data; a Decision says which rule fired and why, and a Registry of
// executors what becomes of it on this machine. docs/SE.md explains both.
package se
