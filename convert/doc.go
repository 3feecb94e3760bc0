// Package convert turns dense weights into compressed ones: one matrix into a
// CDNA file ([Matrix], [EncodeFile]), or a checkpoint (Hugging Face, GGUF, PyTorch, .npy)
// into a model directory ([Directory]). [Rebuild] proves where a directory came from.
//
//	job := convert.Job{Source: "TinyStories-656K", Output: "tinystories-cdna", Options: convert.Options{Bits: 4.5}}
//	plan, err := convert.Plan(ctx, job) // what would become of every tensor; refuses what Directory would
//	...
//	report, err := convert.Directory(ctx, job)
//
// # Options
//
// [Options] say how matrices are compressed, a [Job] has the settings of single tensors and
// the size of all. Each option is declared once, in a table ([OptionList]), which the command
// line, [ParseSettings], the manifest and Rebuild follow. A [Method] is one way to store a
// matrix: a file method_*.go with its own file names, memory, estimates and writing.
//
// # How
//
// A matrix is read twice in chunks of rows and never held whole. The first pass
// builds a histogram, from which the codebook is designed; the second quantizes,
// measures the error against the true weights and writes the blocks. Output
// bytes depend only on the weights and the options, not on the number of
// threads or the time. A conversion that was interrupted is continued by the same job.
package convert
