package generate

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/tokenizer"
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
	if model.IsModel(path) {
		m, err := model.Open(path)
		if err != nil {
			return receipt.ModelClaim{}, err
		}
		return ModelFingerprint(ctx, m)
	}
	info, err := os.Stat(path)
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	dir, names, err := weightFiles(path, info.IsDir())
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	list, err := model.HashFiles(ctx, dir, names)
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	claim := receipt.ModelClaim{RootSHA256: model.Root(list)}
	file := path
	if info.IsDir() {
		name := vocabularyFile(func(name string) bool { return exists(filepath.Join(path, name)) })
		if name == "" { // a model for ids alone
			return claim, nil
		}
		file = filepath.Join(path, name)
	}
	claim.TokenizerSHA256, _, err = model.HashFile(ctx, file)
	return claim, err
}

// ModelFingerprint is Fingerprint of an open model directory.
func ModelFingerprint(ctx context.Context, m *model.Model) (claim receipt.ModelClaim, err error) {
	if claim.RootSHA256, err = m.Root(ctx); err != nil {
		return claim, err
	}
	if claim.ContentSHA256, err = m.Content(ctx); err != nil {
		return claim, err
	}
	file := model.MetadataName
	if !m.Has(file) {
		file = vocabularyFile(m.Has)
	}
	if file != "" {
		claim.TokenizerSHA256, _, err = m.Hash(ctx, file)
	}
	return claim, err
}

// vocabularyFile returns the name of the file in which a directory has its vocabulary, "" if
// it has none.
func vocabularyFile(has func(name string) bool) string {
	if i := slices.IndexFunc(tokenizer.VocabularyFiles, has); i >= 0 {
		return tokenizer.VocabularyFiles[i]
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// weightFiles returns the files that say what a Hugging Face directory or a GGUF file
// holds.
func weightFiles(path string, isDir bool) (dir string, names []string, err error) {
	if !isDir { // whatever it holds
		for _, part := range gguf.PartNames(path) {
			names = append(names, filepath.Base(part))
		}
		return filepath.Dir(path), names, nil
	}
	c, err := checkpoint.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer c.Close()
	names = c.WeightFiles()
	if c.GGUF() == nil {
		names = append([]string{"config.json"}, names...)
	}
	dir = path
	if d, ok := c.Place().(checkpoint.Dir); ok {
		dir = string(d)
	}
	return dir, names, nil
}
