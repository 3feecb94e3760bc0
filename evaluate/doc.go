// Package evaluate measures what compression does to a model's predictions:
// perplexity on a text ([Perplexity]), and the divergence from the original
// model's ([Divergence]).
//
// Both follow llama.cpp's way: the text's tokens are cut into windows of c; each
// window begins with the beginning-of-sequence token, where the tokenizer has one,
// and its second half is scored, so that every token has at least c/2 before it. The
// beginning-of-sequence token takes the place of a window's first, so the figures depend on
// where windows begin: llama.cpp's and the command line's come of ids that were encoded with
// the special tokens around a text (tokenizer.Tokenizer.Encode).
//
// Sessions need a context of c tokens at least. They begin anew with every window, are left
// with the last, and are used by the call alone while it runs.
package evaluate
