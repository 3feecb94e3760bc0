// Package bench measures, on the machine at hand, what the documentation claims:
// memory of a streamed product, speed and size of the codecs, error and size of
// the codebook methods.
package bench
