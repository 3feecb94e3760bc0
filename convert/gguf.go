package convert

import (
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// writeMetadata keeps a GGUF file's metadata, vocabulary included, as a GGUF file
// without tensors at path.
func writeMetadata(m checkpoint.Metadata, path string) error {
	var pairs []gguf.Pair
	for key, value := range m.All() {
		switch key {
		case "split.no", "split.count", "split.tensors.count":
			continue // of the source's parts
		}
		pairs = append(pairs, gguf.Pair{Key: key, Value: value})
	}
	return gguf.Create(path, nil, pairs)
}
