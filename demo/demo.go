// Package demo carries the built-in demonstration model: helix-demo, a Llama of
// 1.8 million parameters that tells children's stories, trained for this project.
// The checkpoint is embedded as it is, losslessly packed, so that everything that
// is done with a real model can be shown, and tested, anywhere: in a service's own
// tests too. A program that imports this package is 2.8 MB larger.
//
// The files in data are made from a checkpoint directory by
//
//	go generate ./demo
package demo

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

//go:generate go run ./internal/pack ../../shared/models/helix-demo data

//go:embed data
var files embed.FS

// packedSuffix marks files that are Zstandard frames.
const packedSuffix = ".zst"

// Extract writes the checkpoint, a Hugging Face directory, to dir, which it makes.
func Extract(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	entries, err := files.ReadDir("data")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := extract(dir, e); err != nil {
			return fmt.Errorf("extract the demo's %s: %w", e.Name(), err)
		}
	}
	return nil
}

func extract(dir string, e fs.DirEntry) error {
	f, err := files.Open("data/" + e.Name())
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	name, packed := strings.CutSuffix(e.Name(), packedSuffix)
	if packed {
		d, err := zstd.NewReader(f)
		if err != nil {
			return err
		}
		defer d.Close()
		r = d
	}
	out, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, r); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
