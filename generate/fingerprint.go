package generate

import (
	"cmp"
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
// checkpoint is model.Root over the files that say what it is: config.json and the files
// with weights, or the GGUF file or its parts. The tokenizer's hash is that of the file that
// OpenTokenizer reads the vocabulary from.
func Fingerprint(ctx context.Context, path string) (receipt.ModelClaim, error) {
	path, err := checkpoint.Locate(path)
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	if model.IsModel(path) {
		m, err := model.Open(path)
		if err != nil {
			return receipt.ModelClaim{}, err
		}
		return ModelFingerprint(ctx, m)
	}
	dir, err := tokenizerDir(path)
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	names, err := weightFiles(path, dir)
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	list, err := model.HashFiles(ctx, cmp.Or(dir, filepath.Dir(path)), names)
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	claim := receipt.ModelClaim{RootSHA256: model.Root(list)}
	file := path
	if dir != "" {
		name := vocabularyFile(func(name string) bool { return exists(filepath.Join(dir, name)) })
		if name == "" { // a model for ids alone
			return claim, nil
		}
		file = filepath.Join(dir, name)
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

// weightFiles returns the names of the files that say what the checkpoint at path is, whose
// directory is dir; "" for a GGUF file.
func weightFiles(path, dir string) (names []string, err error) {
	if dir == "" { // whatever it holds
		for _, part := range gguf.PartNames(path) {
			names = append(names, filepath.Base(part))
		}
		return names, nil
	}
	c, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return append([]string{"config.json"}, c.WeightFiles()...), nil
}
