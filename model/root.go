package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Root returns the hash, in hex, that stands for the whole conversion: the SHA-256
// of these lines, sorted as bytes, names quoted as Go quotes strings: for each file
// "file SHA256 BYTES NAME"; for each tensor "tensor NAME FILE SIDECAR", the sidecar
// "" if it has none, and, where its source's hash is known, "source SHA256 NAME".
func (m *Manifest) Root() string {
	lines := map[string]bool{} // tensors may share files
	file := func(sum string, bytes int64, name string) {
		lines[fmt.Sprintf("file %s %d %q\n", sum, bytes, name)] = true
	}
	for _, f := range m.Files {
		file(f.SHA256, f.Bytes, f.File)
	}
	for name, t := range m.Tensors {
		bytes := t.Bytes + t.CompressedBytes // one of them is 0
		sidecar := ""
		if s := t.Sidecar; s != nil {
			sidecar = s.File
			file(s.SHA256, s.Bytes, s.File)
			bytes -= s.Bytes
		}
		file(t.SHA256, bytes, t.File)
		lines[fmt.Sprintf("tensor %q %q %q\n", name, t.File, sidecar)] = true
		if t.SourceSHA256 != "" {
			lines[fmt.Sprintf("source %s %q\n", t.SourceSHA256, name)] = true
		}
	}
	h := sha256.New()
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		io.WriteString(h, line)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// AllFiles lists every file of the directory but the manifest, once each, by name.
func (m *Manifest) AllFiles() []File {
	list := slices.Clone(m.Files)
	for _, t := range m.Tensors {
		f := File{File: t.File, Bytes: t.Bytes + t.CompressedBytes, SHA256: t.SHA256} // one of them is 0
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

// Root returns the root of the model directory: the manifest's, with the hashes of
// the files as they are where an older manifest lacks them.
func (m *Model) Root(ctx context.Context) (string, error) {
	full := *m.Manifest
	full.Tensors = make(map[string]Tensor, len(m.Manifest.Tensors))
	for name, t := range m.Manifest.Tensors {
		if t.SHA256 == "" {
			sum, _, err := HashFile(ctx, m.Path(t.File))
			if err != nil {
				return "", err
			}
			t.SHA256 = sum
		}
		full.Tensors[name] = t
	}
	return full.Root(), nil
}
