package convert

import (
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/model"
)

// writeMetadata keeps a GGUF file's metadata, vocabulary included, as a GGUF file
// without tensors.
func writeMetadata(f *gguf.File, dir string) error {
	values := f.Metadata()
	var pairs []gguf.Pair
	for _, key := range f.Keys() {
		switch key {
		case "split.no", "split.count", "split.tensors.count":
			continue // of the source's parts
		}
		pairs = append(pairs, gguf.Pair{Key: key, Value: values[key]})
	}
	return gguf.Create(filepath.Join(dir, model.MetadataName), nil, pairs)
}
