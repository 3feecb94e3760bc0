package convert

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/model"
)

// Finished is a model directory that is complete and about to get its name.
type Finished struct {
	Name         string // of the directory
	Manifest     *model.Manifest
	ManifestFile model.File // manifest.json itself
	// Signature is the source's, which was verified by Job.SourceKey; nil for none.
	Signature *SourceSignature
}

// attest writes the files that Job.Attest makes, and returns their names.
func (c *conversion) attest(ctx context.Context, m *model.Manifest) ([]string, error) {
	if c.job.Attest == nil {
		return nil, nil
	}
	made, err := describe(c.job.Output, m)
	if err != nil {
		return nil, err
	}
	if c.signed != nil {
		made.Signature = &c.signed.by
	}
	files, err := c.job.Attest(ctx, made)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		if name == model.ManifestName || slices.ContainsFunc(m.AllFiles(), func(f model.File) bool { return f.File == name }) {
			return nil, fmt.Errorf("%s: the model has a file of that name: %w", name, ErrExists)
		}
		err := atomicfile.Write(c.stage(name), func(w io.Writer) error {
			_, err := w.Write(files[name])
			return err
		})
		if err == nil {
			err = c.keepFile(name)
		}
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// describe describes the directory that is to be at path, whose manifest is m.
func describe(path string, m *model.Manifest) (*Finished, error) {
	var text bytes.Buffer
	if err := m.Encode(&text); err != nil {
		return nil, err
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	sum := sha256.Sum256(text.Bytes())
	return &Finished{
		Name: filepath.Base(path), Manifest: m,
		ManifestFile: model.File{File: model.ManifestName, Bytes: int64(text.Len()), SHA256: hex.EncodeToString(sum[:])},
	}, nil
}
