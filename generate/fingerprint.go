package generate

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// Fingerprint tells which model and which tokenizer path holds, but for the
// architecture.
//
// A model directory's root is the one that its manifest has (see model.Manifest.Root),
// and its content that of its files as they are (see model.Model.Content). The root of a
// Hugging Face directory or a GGUF file is model.Root over its files: config.json and the
// weights, or the file or its parts. The tokenizer's hash is that of the file that
// OpenTokenizer reads.
func Fingerprint(ctx context.Context, path string) (receipt.ModelClaim, error) {
	claim, err := root(ctx, path)
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	file, err := tokenizerFile(path)
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	claim.TokenizerSHA256, _, err = model.HashFile(ctx, file)
	if errors.Is(err, os.ErrNotExist) { // a model for ids alone
		err = nil
	}
	return claim, err
}

// root returns root and content of a model of any kind.
func root(ctx context.Context, path string) (claim receipt.ModelClaim, err error) {
	m, err := model.Open(path)
	if err == nil {
		if claim.RootSHA256, err = m.Root(ctx); err == nil {
			claim.ContentSHA256, err = m.Content(ctx)
		}
		return claim, err
	}
	info, statErr := os.Stat(path)
	if statErr != nil {
		return claim, statErr
	}
	if info.IsDir() && !errors.Is(err, model.ErrNotModel) {
		return claim, err
	}
	dir, names, err := weightFiles(path, info.IsDir())
	if err != nil {
		return claim, err
	}
	list, err := model.HashFiles(ctx, dir, names)
	if err != nil {
		return claim, err
	}
	claim.RootSHA256 = model.Root(list)
	return claim, nil
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
