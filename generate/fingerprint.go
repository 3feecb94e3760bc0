package generate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
)

// Fingerprint tells which model and which tokenizer path holds, as SHA-256 in hex.
//
// A model directory's is that of manifest.json, which has the hashes of all else. A
// GGUF file's is its own; that of a Hugging Face directory, or of a GGUF file in
// parts, is that of what sha256sum prints about its files: config.json and the
// weights, or the parts, by name without directory. The tokenizer's is that of the
// file that OpenTokenizer reads.
func Fingerprint(ctx context.Context, path string) (modelSum, tokenizerSum string, err error) {
	files, err := weightFiles(path)
	if err != nil {
		return "", "", err
	}
	if modelSum, err = hashFiles(ctx, files); err != nil {
		return "", "", err
	}
	file, err := tokenizerFile(path)
	if err != nil {
		return "", "", err
	}
	tokenizerSum, _, err = model.HashFile(ctx, file)
	return modelSum, tokenizerSum, err
}

// weightFiles returns the files that say what model path holds.
func weightFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return gguf.PartNames(path), nil
	}
	manifest := filepath.Join(path, model.ManifestName)
	if _, err := os.Stat(manifest); err == nil {
		return []string{manifest}, nil
	}
	set, err := safetensors.OpenDir(path)
	if err != nil {
		return nil, err
	}
	defer set.Close()
	files := []string{filepath.Join(path, "config.json")}
	for _, f := range set.Files() {
		files = append(files, f.Path())
	}
	return files, nil
}

// hashFiles returns the hash of one file, or of the list of several files' hashes.
func hashFiles(ctx context.Context, files []string) (string, error) {
	list := sha256.New()
	for _, file := range files {
		sum, _, err := model.HashFile(ctx, file)
		if err != nil || len(files) == 1 {
			return sum, err
		}
		fmt.Fprintf(list, "%s  %s\n", sum, filepath.Base(file))
	}
	return hex.EncodeToString(list.Sum(nil)), nil
}
