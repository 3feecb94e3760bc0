// Package chain keeps receipts in a log that cannot be changed unseen.
//
// A log is a file of receipts in canonical JSON, one a line, in the order in which they
// were appended; entries count from 0. Beside LOG lies LOG.tree, the Merkle tree over
// the lines (RFC 6962, as golang.org/x/mod/sumdb/tlog stores it). What is edited,
// dropped, reordered, added or cut off later no longer agrees with the tree, and
// [Verify] says which entry it is:
//
//	err := chain.Append(ctx, "runs.log", execution)
//	...
//	report, err := chain.Verify(ctx, "runs.log", nil)
//
// Someone who can write both files can replace both. So the tree's [Head], a size and
// one hash, is to be kept elsewhere, or signed: a log that has grown since has the
// same beginning, which [Verify] checks with the head, and anyone can check with a
// proof and without the log ([ProveEntry], [ProveGrowth]).
//
// A receipt that a run appends also names the one before it (previous_sha256).
package chain
