package convert

import "github.com/helix-substrate/helix-substrate/internal/gguf"

// writeMetadata keeps a GGUF file's metadata, vocabulary included, as a GGUF file
// without tensors at path.
func writeMetadata(f *gguf.File, path string) error {
	values := f.Metadata()
	var pairs []gguf.Pair
	for _, key := range f.Keys() {
		switch key {
		case "split.no", "split.count", "split.tensors.count":
			continue // of the source's parts
		}
		pairs = append(pairs, gguf.Pair{Key: key, Value: values[key]})
	}
	return gguf.Create(path, nil, pairs)
}
