// Package route says where a matrix should be computed, by what was measured of it: plain
// data and rules without any computing, for those who keep decisions (a model's manifest),
// follow them, or print them. Package se measures.
//
// A [Policy] turns a [Result] into a [Decision], which says which rule fired and why; a
// [Registry] of executors says what becomes of it on a machine.
package route
