package record

import (
	"context"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// Subject names the file at path by its hash, or a model directory, whose files are compared
// with its manifest, by its root: what a signature is about.
func Subject(ctx context.Context, path string) (attest.Subject, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		m, err := model.Open(path)
		if err != nil {
			return attest.Subject{}, err
		}
		if err := m.CheckFiles(ctx); err != nil {
			return attest.Subject{}, err
		}
		root, err := m.Root(ctx)
		return attest.SHA256Subject(filepath.Base(filepath.Clean(path)), root), err
	}
	sum, _, err := model.HashFile(ctx, path)
	return attest.SHA256Subject(filepath.Base(path), sum), err
}
