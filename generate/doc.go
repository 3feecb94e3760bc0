// Package generate turns logits into tokens and tokens into text: a Sampler draws, a
// ChatTemplate writes conversations as a model expects them, and a Generator feeds a
// model its own output, as the example shows.
//
// The same model, prompt, options and seed give the same tokens on every machine.
package generate
