package convert

import (
	"encoding/json"
	"io"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

// writeConfig writes config.json for programs that know no GGUF metadata, unless these name
// no architecture. What runs here reads the metadata themselves, which are kept.
func writeConfig(src *checkpoint.Checkpoint, path string) (wrote bool, err error) {
	config := arch.TranslateGGUF(src.Metadata(), func(name string) ([]int, bool) {
		for _, t := range src.Tensors() {
			if t.Name == name {
				return t.Shape, true
			}
		}
		return nil, false
	})
	if config == nil {
		return false, nil
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return false, err
	}
	return true, atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}
