// Package tokenizer turns text into token ids and back, as the model's authors do it.
//
// It reads Hugging Face's tokenizer.json and the vocabularies inside GGUF files, and gives the ids that Hugging Face's tokenizers
// library, or llama.cpp for GGUF, would give. A text goes through these rooms, a file each:
//
//	added.go          added tokens such as <|im_start|> are cut out of the text
//	normalizer.go     what lies between them is rewritten: Unicode normal forms, lower case, "▁" for a space, ...
//	pretokenizer.go   and cut into pieces: words, numbers, runs of punctuation
//	bpe.go            each piece becomes tokens: merges of pairs (BPE; SentencePiece's too, in spm.go),
//	unigram.go        the most probable path through the vocabulary (Unigram), or
//	wordpiece.go      the longest known prefixes (WordPiece) or the whole word (WordLevel)
//	postprocessor.go  tokens are put around the whole: begin and end of text
//	decoder.go        and the way back, which is always a stream
//
// regex.go and scan.go hold the patterns that pre-tokenizers cut by, the common ones written by hand; unicode.go the classes of
// characters they speak of; parse.go, config.go and gguf.go read the files.
//
// A [Tokenizer] never changes after it was made and is safe for concurrent use; a [Decoder] belongs to one text.
//
// # Differences from the references
//
// Truncation and padding in tokenizer.json, and BPE dropout, are for training and are not applied. The reference is version 0.22 of
// tokenizers with its Unicode tables, of which each part has its own. Regular expressions are translated from Oniguruma's syntax; what
// cannot be is refused, and \b takes .NET's idea of a word.
package tokenizer
