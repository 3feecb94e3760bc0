// Package evaluate measures what compression does to a model's predictions:
// perplexity on a text ([Perplexity]), and the divergence from the original
// model's ([Divergence]).
//
// Both follow llama.cpp's way: the text's tokens are cut into windows of c; each
// window begins with the beginning-of-sequence token, where the tokenizer has one,
// and its second half is scored, so that every token has at least c/2 before it.
package evaluate
