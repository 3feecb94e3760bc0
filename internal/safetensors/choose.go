package safetensors

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const (
	suffix      = ".safetensors"
	indexSuffix = ".safetensors.index.json"
)

// Choose tells which of a directory's files is its checkpoint: model.safetensors,
// else model.safetensors.index.json, else the only *.safetensors.index.json, else
// the only *.safetensors there is. Without any it returns fs.ErrNotExist, with
// several ErrIndex.
func Choose(names []string) (string, error) {
	for _, name := range []string{"model" + suffix, "model" + indexSuffix} {
		if slices.Contains(names, name) {
			return name, nil
		}
	}
	for _, end := range []string{indexSuffix, suffix} {
		var candidates []string
		for _, name := range names {
			if strings.HasSuffix(name, end) && name[0] != '.' {
				candidates = append(candidates, name)
			}
		}
		if len(candidates) == 1 {
			return candidates[0], nil
		}
		if len(candidates) > 1 {
			return "", fmt.Errorf("%w: several candidates, name one of %s", ErrIndex, strings.Join(candidates, ", "))
		}
	}
	return "", fmt.Errorf("no safetensors file: %w", fs.ErrNotExist)
}
