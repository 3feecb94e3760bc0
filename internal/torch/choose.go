package torch

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

const (
	indexSuffix = ".bin.index.json"
	partPattern = "consolidated.[0-9][0-9].pth"
)

// Choose tells which of a directory's files is its checkpoint: pytorch_model.bin,
// else pytorch_model.bin.index.json, else the only *.bin.index.json, else
// consolidated.pth, else the only consolidated.NN.pth, else the only *.bin, *.pth or
// *.pt there is. Without any it returns fs.ErrNotExist, with several ErrIndex.
func Choose(names []string) (string, error) {
	matching := func(pattern string) (found []string) {
		for _, name := range names {
			if ok, _ := filepath.Match(pattern, name); ok && name[0] != '.' {
				found = append(found, name)
			}
		}
		return found
	}
	for _, patterns := range [][]string{
		{"pytorch_model.bin"}, {"pytorch_model" + indexSuffix}, {"*" + indexSuffix},
		{"consolidated.pth"}, {partPattern}, {"*.bin", "*.pth", "*.pt"},
	} {
		var found []string
		for _, p := range patterns {
			found = append(found, matching(p)...)
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1 && patterns[0] == partPattern:
			return "", fmt.Errorf("%w: each of %s holds a part of every tensor, which only Meta's own program joins", ErrIndex, strings.Join(found, ", "))
		case len(found) > 1:
			return "", fmt.Errorf("%w: several candidates, name one of %s", ErrIndex, strings.Join(found, ", "))
		}
	}
	return "", fmt.Errorf("no PyTorch file: %w", fs.ErrNotExist)
}
