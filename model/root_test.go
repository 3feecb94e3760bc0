package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRoot(t *testing.T) {
	dir, m := writeModel(t)
	for name, tensor := range m.Tensors {
		info, err := os.Stat(filepath.Join(dir, tensor.File))
		if err != nil {
			t.Fatal(err)
		}
		if tensor.Format == FormatCDNA2 {
			tensor.CompressedBytes = info.Size() + tensor.Sidecar.Bytes
		} else {
			tensor.Bytes = info.Size()
		}
		m.Tensors[name] = tensor
	}
	config := []byte("{}")
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o666); err != nil {
		t.Fatal(err)
	}
	m.Files = []File{{File: "config.json", Bytes: 2, SHA256: hexSum(config)}}
	list := ""
	for _, name := range []string{"config.json", "norm.npy", "w.cdna2.hxz", "w.hxzo"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintf("file %s %d %q\n", hexSum(b), len(b), name)
	}
	list += "tensor \"norm\" \"norm.npy\" \"\"\n" + "tensor \"w\" \"w.cdna2.hxz\" \"w.hxzo\"\n"
	lines := strings.SplitAfter(list, "\n")
	slices.Sort(lines)
	want := hexSum([]byte(strings.Join(lines, "")))
	if got := m.Root(); got != want {
		t.Errorf("root %s, want %s", got, want)
	}
	open := openIn(t, dir, m)
	if got, err := open.Root(t.Context()); got != want || err != nil {
		t.Errorf("root %s, %v, want %s", got, err, want)
	}

	// A manifest without hashes: the files are read.
	older := *m
	older.Tensors = map[string]Tensor{}
	for name, tensor := range m.Tensors {
		tensor.SHA256 = ""
		older.Tensors[name] = tensor
	}
	open = openIn(t, dir, &older)
	if got, err := open.Root(t.Context()); older.Root() == want || got != want || err != nil {
		t.Errorf("root %s, %v, want %s", got, err, want)
	}

	for _, change := range []func(f *File){
		func(f *File) { f.SHA256 = strings.Repeat("0", 64) }, func(f *File) { f.Bytes++ }, func(f *File) { f.File += "x" },
	} {
		other := *m
		other.Files = []File{m.Files[0]}
		if change(&other.Files[0]); other.Root() == want {
			t.Errorf("%+v has the same root", other.Files[0])
		}
	}
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// openIn writes a manifest to dir and opens it.
func openIn(t *testing.T, dir string, m *Manifest) *Model {
	t.Helper()
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	open, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return open
}
