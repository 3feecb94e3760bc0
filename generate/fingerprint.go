package generate

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
)

// Fingerprint tells which model and which tokenizer path holds, as SHA-256 in hex.
//
// A model directory's is its root, as the manifest has it: see model.Manifest.Root.
// That of a Hugging Face directory or a GGUF file is model.Root over its files:
// config.json and the weights, or the file or its parts. The tokenizer's is that of the
// file that OpenTokenizer reads.
func Fingerprint(ctx context.Context, path string) (modelSum, tokenizerSum string, err error) {
	if modelSum, err = root(ctx, path); err != nil {
		return "", "", err
	}
	file, err := tokenizerFile(path)
	if err != nil {
		return "", "", err
	}
	tokenizerSum, _, err = model.HashFile(ctx, file)
	return modelSum, tokenizerSum, err
}

// root returns the root of a model of any kind.
func root(ctx context.Context, path string) (string, error) {
	m, err := model.Open(path)
	if err == nil {
		return m.Root(ctx)
	}
	info, statErr := os.Stat(path)
	if statErr != nil {
		return "", statErr
	}
	if info.IsDir() && !errors.Is(err, model.ErrNotModel) {
		return "", err
	}
	dir, names, err := weightFiles(path, info.IsDir())
	if err != nil {
		return "", err
	}
	list, err := model.HashFiles(ctx, dir, names)
	if err != nil {
		return "", err
	}
	return model.Root(list), nil
}

// weightFiles returns the files that say what a Hugging Face directory or a GGUF file
// holds.
func weightFiles(path string, isDir bool) (dir string, names []string, err error) {
	if !isDir {
		for _, part := range gguf.PartNames(path) {
			names = append(names, filepath.Base(part))
		}
		return filepath.Dir(path), names, nil
	}
	set, err := safetensors.OpenDir(path)
	if err != nil {
		return "", nil, err
	}
	defer set.Close()
	names = []string{"config.json"}
	for _, f := range set.Files() {
		names = append(names, filepath.Base(f.Path()))
	}
	return path, names, nil
}
