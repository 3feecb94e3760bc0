// Package codebook designs scalar codebooks of at most 256 values for weights, quantizes weights to them, and measures
// what that lost.
//
// The work takes two passes over the weights, which need not fit memory. The first counts them in a Histogram; Design
// then works on the histogram alone, in a millisecond or two for any tensor:
//
//	h := codebook.NewHistogram()
//	for each part { err := h.Add(part) }
//	c, err := codebook.Design(h, codebook.Options{SNR: 35})
//
// The second pass turns weights into indices, one byte each, and sums up errors:
//
//	q := c.Quantizer()
//	for each part { q.Quantize(indices, part, &errors) }
//	fmt.Println(errors.Fidelity())
//
// Of the methods, Uniform divides the range evenly, KMeans makes the error as small as the number of entries allows, and
// Entropy, the default, makes the entropy-coded indices as short as a wanted error allows, or the error as small as a
// wanted size allows; it may ask for a sidecar of outliers by way of Codebook.ClipMin and ClipMax. docs/QUALITY.md
// explains them and has measured figures.
//
// Results depend on the weights and the options only: not on the machine, nor on how the weights were cut into parts.
// Sums of errors are kept in floating point, so their last bits depend on the parts, not on who summed them.
package codebook
