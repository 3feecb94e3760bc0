// Package record makes receipts of what the engines report, and does again what a receipt
// says. It stands above them: package stream multiplies, transformer runs layers, generate
// makes texts, convert compresses, and none of them knows of receipts.
//
// # Making one
//
// [NewGeneration] notes the turns of a generated text; [Forward], [Layer] and [Multiply] run
// a model, a layer or a product and say what was done; [Conversion], [Decode] and
// [VerificationClaims] do so of what has been done. [Fingerprint] says which model it was.
// A [Run] takes claims and operations to an [Output], a file and a log:
//
//	run, err := record.Begin("r.json", "", version, 0, map[string]string{"model": dir})
//	...
//	defer run.Abort()
//	claims, operation, err := record.Forward(ctx, m, session, options, of, ids, visit)
//	...
//	run.Add(operation)
//	err = run.Write(ctx, claims)
//
// # Reading one
//
// [Read] reads a receipt, in an envelope with signatures or without, and [Replay] does it
// again and compares every claim: the same hashes must come out on any machine, with any
// number of threads and any memory limit.
package record
