// Package codebook designs scalar codebooks of at most 256 values for weights, quantizes weights to them, and measures
// what that lost.
package codebook
