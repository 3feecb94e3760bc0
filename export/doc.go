// Package export writes a model back into files that other programs read:
// safetensors for the Hugging Face libraries, GGUF for llama.cpp.
//
//	report, err := export.File(ctx, "tinystories-cdna", "model.gguf", export.Options{DType: export.F16})
//
// The source is a model directory or any checkpoint that can be converted. Tensors
// go through in pieces; memory does not grow with the model. What a lossless directory
// holds comes out with the bits that went in, unless another type is asked for.
//
// # GGUF
//
// A model that came from GGUF keeps its metadata, vocabulary and names. One that came
// from Hugging Face has them made of its config.json and its tokenizer's files. What
// llama.cpp computes for each architecture is a table (architecture.go); a model that
// does otherwise is refused by that. Rows of Llama's query and key matrices are put in
// the order that llama.cpp wants, Gemma's norms have their 1 added, and the vocabulary is
// tried before it is trusted ([tokenizer.Tokenizer.ToGGUF]). Report.Notes tells what
// llama.cpp does in its own way. testdata/llamacpp.py compares with it.
//
// # Safetensors
//
// Tensors keep their names. A file called model.safetensors gets company: config.json, the
// tokenizer and the like, which make its directory one for Hugging Face's libraries.
package export
