// Package convert turns dense weights into compressed ones: one matrix into a
// CDNA file ([Matrix]), or a checkpoint (Hugging Face, GGUF, PyTorch, .npy) into a
// model directory ([Directory]). [Rebuild] proves where a directory came from.
//
// A matrix is read twice in chunks of rows and never held whole. The first pass
// builds a histogram, from which the codebook is designed; the second quantizes,
// measures the error against the true weights and writes the blocks. Output
// bytes depend only on the weights and the options, not on the number of
// threads or the time.
package convert
