// Package export writes a model back into files that other programs read:
// safetensors for the Hugging Face libraries, GGUF for llama.cpp.
//
//	err := export.File(ctx, "tinystories-cdna", "model.gguf", export.Options{DType: export.F16})
//
// The source is a model directory or any checkpoint that can be converted. Tensors
// go through in pieces; memory does not grow with the model. What a lossless directory
// holds comes out with the bits that went in, unless another type is asked for.
//
// # GGUF
//
// A model that came from GGUF keeps its metadata, vocabulary and names. One that came
// from Hugging Face has them made of its config.json and tokenizer.json: architectures
// llama, mistral, qwen2 and qwen3. Rows of Llama's query and key matrices are put in
// the order that llama.cpp wants, and the vocabulary is tried before it is trusted
// (tokenizer.ToGGUF).
package export
