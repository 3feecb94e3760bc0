package model

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// RootScheme is that of the manifests that are written here.
const RootScheme = 2

// Root returns the hash, in hex, that stands for the whole conversion. By the scheme of
// RootScheme it is the SHA-256 of the manifest's text with the 64 digits of root_sha256,
// which end it, as zeros: of a manifest that was read, of the text that it was read from.
//
// Without a scheme, as in manifests of earlier releases, it covers the files' hashes only:
// it is the SHA-256 of these lines, sorted as bytes, names quoted as Go quotes strings: for
// each file "file SHA256 BYTES NAME"; for each tensor "tensor NAME FILE SIDECAR", the
// sidecar "" if it has none, and, where its source's hash is known, "source SHA256 NAME".
func (m *Manifest) Root() string {
	switch {
	case m.RootScheme == 0:
		return m.filesRoot()
	case m.text != "":
		return m.text
	}
	c := *m
	c.RootSHA256 = noSum
	text, err := c.encode()
	if err != nil {
		return "" // nor will it be written
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

var noSum = strings.Repeat("0", 2*sha256.Size)

// sumText returns the root of a manifest's text, which must end in root_sha256, the digits
// of root. Errors wrap ErrManifest.
func sumText(text []byte, root string) (string, error) {
	const end = "\"\n}\n"
	at := len(text) - len(end) - len(noSum)
	if checkSum("", root) != nil || at < 0 || !bytes.HasSuffix(text, []byte("\n \"root_sha256\": \""+root+end)) {
		return "", fmt.Errorf("it does not end in root_sha256: %w", ErrManifest)
	}
	h := sha256.New()
	h.Write(text[:at])
	io.WriteString(h, noSum+end)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checkRoot compares the root with what the manifest says of it, if it does. The error,
// ErrMismatch, names the field that was changed where something contradicts it.
func (m *Model) checkRoot(ctx context.Context) error {
	want := m.Manifest.RootSHA256
	if want == "" {
		return nil
	}
	got := m.Manifest.Root()
	if got == want {
		return nil
	}
	if err := m.CheckDerived(ctx); err != nil {
		return fmt.Errorf("%s: changed since its root was taken: %w", m.Path(ManifestName), err)
	}
	return fmt.Errorf("%s: its root is %s, root_sha256 says %s: %w", m.Path(ManifestName), got, want, ErrMismatch)
}

// filesRoot is Root without a scheme.
func (m *Manifest) filesRoot() string {
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

// Root returns the root of the model directory: the manifest's, with the hashes of
// the files as they are where an older manifest lacks them.
func (m *Model) Root(ctx context.Context) (string, error) {
	if m.Manifest.RootScheme != 0 {
		return m.Manifest.Root(), nil
	}
	full := *m.Manifest
	full.Tensors = make(map[string]Tensor, len(m.Manifest.Tensors))
	for name, t := range m.Manifest.Tensors {
		if t.SHA256 == "" {
			sum, _, err := m.Hash(ctx, t.File)
			if err != nil {
				return "", err
			}
			t.SHA256 = sum
		}
		full.Tensors[name] = t
	}
	return full.Root(), nil
}
