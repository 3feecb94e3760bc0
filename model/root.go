package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Root returns the one number that stands for a model directory: [Root] over the files
// that its manifest lists, tensors, sidecars and others. It is "" if the manifest does
// not have all their hashes, as older ones do not.
func (m *Manifest) Root() string {
	list := m.files()
	for _, f := range list {
		if f.SHA256 == "" {
			return ""
		}
	}
	return Root(list)
}

// files lists the manifest's files once each, by name.
func (m *Manifest) files() []File {
	list := slices.Clone(m.Files)
	for _, t := range m.Tensors {
		f := File{File: t.File, Bytes: t.Bytes, SHA256: t.SHA256}
		if t.Format == FormatCDNA2 {
			f.Bytes = t.CompressedBytes
		}
		if s := t.Sidecar; s != nil {
			f.Bytes -= s.Bytes
			list = append(list, File{File: s.File, Bytes: s.Bytes, SHA256: s.SHA256})
		}
		list = append(list, f)
	}
	slices.SortFunc(list, byName)
	return slices.CompactFunc(list, func(a, b File) bool { return a.File == b.File })
}

func byName(a, b File) int { return strings.Compare(a.File, b.File) }

// Root returns the SHA-256, in hex, of a list of files: a line "sha256  bytes  name"
// for each, in the order of their names' bytes.
func Root(list []File) string {
	h := sha256.New()
	for _, f := range slices.SortedFunc(slices.Values(list), byName) {
		fmt.Fprintf(h, "%s  %d  %s\n", f.SHA256, f.Bytes, f.File)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// HashFiles reads files of a directory and returns their sizes and hashes.
func HashFiles(ctx context.Context, dir string, names []string) ([]File, error) {
	list := make([]File, len(names))
	for i, name := range names {
		sum, n, err := HashFile(ctx, filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		list[i] = File{File: name, Bytes: n, SHA256: sum}
	}
	return list, nil
}

// Root returns the root of the model directory: the manifest's, or that of the files
// as they are if the manifest does not have all their hashes.
func (m *Model) Root(ctx context.Context) (string, error) {
	if root := m.Manifest.Root(); root != "" {
		return root, nil
	}
	var names []string
	for _, f := range m.Manifest.files() {
		names = append(names, f.File)
	}
	list, err := HashFiles(ctx, m.Dir, names)
	if err != nil {
		return "", err
	}
	return Root(list), nil
}
