// Package memory keeps a process within a limit: the promise of --memory, in one place.
//
// A process's resident set is three things. The pages of the program itself, which the
// system maps as they are executed. What Go's runtime holds: the heap, stacks,
// its own tables ([Held]). And big buffers that lie outside the Go heap, which their
// owners reserve byte by byte in a [Ledger]. A [Limit] says how much there may be of all of them
// together; [Share] says how much of it is the program's and the collector's, so that the
// rest can be planned for buffers.
//
// The order matters. [Limit.Begin] comes first, before anything is parsed: from then on
// the collector keeps the garbage of parsing small. What is parsed (tokenizers, headers,
// the ids of a text) is then measured, not guessed: [Held] collects the garbage and looks
// at what is left. [Share] adds what is known to come and room for the collector, and
// [Settle] gives the collector exactly that much. [Limit.Need] refuses, before it is done, a
// piece of work that would not fit.
//
//	limit := memory.Allowed(512 << 20)
//	defer limit.Begin()()
//	… parse …
//	share := memory.Share(memory.Held(), later)
//	buffers := memory.NewLedger(limit.Bytes - share)
//	memory.Settle(share)
//	… buffers.Reserve("a cache", 1<<20) …
//
// [Peak] tells what came of it: the most that the process has held. A [Limit] that was begun is
// ended by what Begin returns; then the collector is as it was before.
//
// A [Size] is an amount of memory as people write it, such as 512MiB; [ParseSize] and
// [FormatSize] are its two directions.
//
// There is one process, so the functions act on it as a whole; the state is the
// runtime's. All of them are safe for concurrent use.
package memory
