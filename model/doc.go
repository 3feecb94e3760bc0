// Package model reads model directories: manifest.json and the files it names.
//
//	m, err := model.Open("tinystories-cdna")
//	...
//	for _, t := range m.Tensors() {
//		fmt.Println(t.Name, t.Format, t.OriginalShape)
//	}
//	report, err := m.Verify(ctx, 2)
//
// A directory holds one CDNA v2 file per compressed matrix, one .npy file per
// tensor that is kept exactly, the model's config.json and its tokenizer files.
// The older manifest form of the Python original ("shards") is read too.
package model
