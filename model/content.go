package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
)

// Content returns a hash, in hex, of what the model's files hold now, where
// [Manifest.Root] is what the manifest says of them. It is the SHA-256 of these lines,
// sorted as bytes, names quoted as Go quotes strings: "fingerprint SHA256 NAME" for each
// compressed matrix, and "file SHA256 NAME" for every other file that the manifest
// lists. A fingerprint stands for all of a matrix whose blocks are verified when they
// are read, and reads none of them, so that this costs little for a model of any size.
func (m *Model) Content(ctx context.Context) (string, error) {
	matrices := map[string]Tensor{} // by file, which tensors may share
	for _, t := range m.Tensors() {
		if t.Format != FormatNPY {
			matrices[t.File] = t
		}
	}
	var lines []string
	for _, f := range m.Manifest.AllFiles() {
		var kind, sum string
		var err error
		if t, ok := matrices[f.File]; ok {
			kind = "fingerprint"
			sum, err = m.fingerprint(ctx, t)
		} else {
			kind = "file"
			sum, _, err = m.Hash(ctx, f.File)
		}
		if err != nil {
			return "", err
		}
		lines = append(lines, fmt.Sprintf("%s %s %q\n", kind, sum, f.File))
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, line := range lines {
		io.WriteString(h, line)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// fingerprint returns that of a compressed matrix.
func (m *Model) fingerprint(ctx context.Context, t Tensor) (string, error) {
	f, err := m.openHead(ctx, t)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Fingerprint(ctx)
}

// CheckCompanions compares every file beside the tensors, such as config.json, with its
// hash and size, whoever reads it. They are small. Errors are those of Open, for the
// first by name; of OpenUnverified there are none.
func (m *Model) CheckCompanions(ctx context.Context) error {
	if !m.checked {
		return nil
	}
	for _, f := range slices.SortedFunc(slices.Values(m.Manifest.Files), byName) {
		r, err := m.Open(ctx, f.File)
		if err != nil {
			return err
		}
		r.Close()
	}
	return nil
}

// CheckFiles compares every file that the manifest lists with its SHA-256 there. Errors
// are ErrMissing and ErrMismatch, for the first by name.
func (m *Model) CheckFiles(ctx context.Context) error {
	for _, f := range m.Manifest.AllFiles() {
		if _, _, err := m.checkHash(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
