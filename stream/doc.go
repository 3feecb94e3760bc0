// Package stream multiplies by a matrix straight from its compressed blocks.
//
// A matrix W [rows, cols] lies in a CDNA file as blocks of rows of codebook
// indices. A product reads one block, checks it, unpacks it into a small
// buffer, multiplies by it and goes on: the float32 matrix never exists, and
// memory is a few blocks whatever the size of W.
//
//	engine, err := stream.NewEngine(stream.EngineOptions{})
//	...
//	defer engine.Close()
//	w, err := engine.Open("layer.cdna2.hxz", stream.MatrixOptions{})
//	...
//	defer w.Close()
//	y, stats, err := w.MatMul(ctx, x)            // Y = X @ W
//	y, stats, err = w.MatMulTransposed(ctx, x)   // Y = X @ Wᵀ
//
// # Results
//
// Results are float32 and bit-identical for every number of threads, block
// size, codec, batch size and CPU: the order of additions is fixed (package
// internal/kernel states it). With an outlier sidecar, y = base + z, where base
// is the product with the codebook's weights and z adds (outlier − codebook
// weight)·x over the output's outliers in ascending order of position. [Lattice] says what
// its matrices' scales add to that.
//
// # Verification
//
// Every block carries a SHA-256 of its indices. [cdna.TrustCached], the
// default, checks each block the first time this matrix uses it; a mismatch is
// [cdna.ErrChecksum] and no result is returned.
//
// # Concurrency and memory
//
// An [Engine] owns the workers and the buffers (outside the Go heap) and
// runs one product at a time, or with [Engine.DotAll] several of the same vectors; calls
// from several goroutines queue. A [Matrix]
// is safe for concurrent use. [PlanResidency] chooses, from the matrices' [Layout] alone,
// which of them a memory.Ledger has room for.
package stream
