// Package se measures Structural Entropy: how complex a weight matrix is, from 0 (a
// constant) to nearly 1 (noise), as far as that tells where to compute it.
//
//	w, err := matrix.NewSlice(weights, rows, cols)       // or cdna.File.Weights, or a matrix.Source of yours
//	...
//	r, err := se.Compute(ctx, w, se.Options{})           // what was measured
//	...
//	policy := route.DefaultPolicy()
//	decision := policy.Decide(r)                         // where the rules would compute it, and why
//	decision = route.Machine().Resolve(decision)         // where this machine does
//	fmt.Println(r.Se, decision.Wanted, decision.Used, decision)
//
// # What is measured
//
// Se = H·U·D: how evenly the energy is spread over the singular values, how little
// neighbouring rows resemble each other, how many directions there are; besides, the
// condition number and the zeros. docs/SE.md has the definitions. NaN and infinities are
// [ErrNonFinite]: there is nothing to measure then.
//
// # What it costs
//
// A matrix is read in runs of rows, several times, and never held whole beyond what an
// [Estimator] says: [Exact] takes min(m, n)² float64 for each worker and one more, [Lanczos]
// little, with an error that route.Result.Error bounds. The same seed gives the same bits for
// any number of threads. Compute is safe for concurrent use if the source is.
//
// # What becomes of it
//
// Results, policies, decisions and executors are plain data of package se/route, which
// neither reads nor computes anything: a model's manifest holds a decision without linking
// an eigensolver.
package se
