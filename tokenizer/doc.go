// Package tokenizer turns text into token ids and back, as the model's authors do it.
//
// It reads Hugging Face's tokenizer.json, SentencePiece's tokenizer.model and the vocabularies inside GGUF files, and gives the ids that Hugging Face's tokenizers
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
// regex.go, expression.go and scan.go hold the patterns that pre-tokenizers cut by, the common ones written by hand; charset.go and
// unicode.go the classes of characters they speak of; open.go, parse.go, sentencepiece.go, config.go and gguf.go read the files.
//
// A [Tokenizer] never changes after it was made and is safe for concurrent use; a [Decoder] belongs to one text.
//
// # Differences from the references
//
// Truncation and padding in tokenizer.json, and BPE dropout, are for training and are not applied. The reference is version 0.22 of
// tokenizers with its Unicode tables, of which each part has its own. Regular expressions have Oniguruma's syntax without
// back-references, calls and conditions, which are refused; (?i) folds characters one by one, so ß is not ss.
//
// # Hostile files
//
// Everything that a file can ask for is bounded: its size, the depth of its JSON, the number of components and instructions, ids, and
// for each text the work and how much longer components make it (work.go). Beyond that is ErrLimit. Regular expressions take linear
// time where that is possible (expression.go), and else end with the allowance for the text. Decoding has no errors: what could make it
// costly is refused when the file is read.
package tokenizer
