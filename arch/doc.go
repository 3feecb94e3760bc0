// Package arch says what a language model's architecture is, without weights and without
// anything that computes: [Config] holds what differs between the families known here, and
// names of tensors are translated between Hugging Face and GGUF.
//
// [ParseConfig] reads Hugging Face's config.json, [FromGGUF] the metadata of a GGUF file.
// Both refuse an unknown family by its name, and a key that would change the model in a way
// not known here (docs/MODELS.md). [Config.Weights] lists the tensors that such a model is
// made of.
package arch
