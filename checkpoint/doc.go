// Package checkpoint opens a model's weights whatever kind of file they lie in: a
// Hugging Face directory, safetensors, GGUF, PyTorch or one .npy array, on disk or
// in a repository of the hub, or a model directory.
//
// Only headers are read. Every [Tensor] then reads itself in windows, as float32
// or as the bytes that are stored:
//
//	c, err := checkpoint.Open(ctx, "models/tinystories", checkpoint.Options{})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	for _, t := range c.Tensors() {
//		row := make([]float32, t.Shape[len(t.Shape)-1])
//		err := t.ReadFloat32(ctx, row, 0)
//		...
//	}
//
// Quantized weights come out dequantized, whether GGUF's blocks or matrices with scales and
// the like beside them (FP8, GPTQ, AWQ, MXFP4 and others: docs/SOURCES.md), which are then no
// tensors of their own; Options.Stored leaves all as it is stored.
//
// [Find] and [At] say where a model lies, a [Location], for what takes it from any place, such
// as helix.OpenAt; [Identify] says what is at a path.
//
// What exists as a path is one. A repository's files are downloaded into the cache
// that huggingface_hub uses too, those that are opened and no others; or, with
// Options.Remote, read in ranges and not stored.
package checkpoint
