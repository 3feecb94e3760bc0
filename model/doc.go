// Package model reads model directories: manifest.json and the files it names.
//
//	m, err := model.Open("tinystories-cdna")
//	...
//	for _, t := range m.Tensors() {
//		fmt.Println(t.Name, t.Format, t.OriginalShape)
//	}
//	checks, err := m.Verify(ctx, 2)
//
// A directory holds one CDNA v2 or lossless file per compressed matrix, one .npy file
// per tensor that is kept exactly, the model's config.json and its tokenizer files; of a
// GGUF source its metadata. [Open] compares the manifest with its root, and every file
// with the manifest when it is read; [OpenUnverified] compares nothing. The older manifest form of the Python original ("shards") is read too.
package model
