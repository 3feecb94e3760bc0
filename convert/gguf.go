package convert

import (
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/model"
)

// isGGUF tells by the first bytes.
func isGGUF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = f.Read(magic[:])
	return err == nil && string(magic[:]) == "GGUF"
}

// openGGUF opens a GGUF file, all parts of it. Quantized tensors are compressed
// from what they decode to.
func openGGUF(path string) (*checkpoint, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	c := &checkpoint{gguf: f, close: f.Close}
	for _, name := range gguf.PartNames(filepath.Base(path)) {
		c.paths = append(c.paths, filepath.Join(filepath.Dir(path), name))
	}
	for _, t := range f.Tensors() {
		e := tensor{name: t.Name, dtype: t.Type.String(), shape: t.Shape, size: t.Size(), float: true, npy: "<f4", data: t}
		switch t.Type {
		case gguf.F32:
			e.raw = true
		case gguf.F64:
			e.npy, e.raw = "<f8", true
		case gguf.F16:
			e.npy, e.raw = "<f2", true
		case gguf.I8:
			e.npy, e.raw, e.float = "|i1", true, false
		case gguf.I16:
			e.npy, e.raw, e.float = "<i2", true, false
		case gguf.I32:
			e.npy, e.raw, e.float = "<i4", true, false
		case gguf.I64:
			e.npy, e.raw, e.float = "<i8", true, false
		}
		c.tensors = append(c.tensors, e)
	}
	return c, nil
}

// writeMetadata keeps a GGUF file's metadata, vocabulary included, as a GGUF file
// without tensors.
func writeMetadata(f *gguf.File, dir string) error {
	values := f.Metadata()
	var pairs []gguf.Pair
	for _, key := range f.Keys() {
		switch key {
		case "split.no", "split.count", "split.tensors.count":
			continue // of the source's parts
		}
		pairs = append(pairs, gguf.Pair{Key: key, Value: values[key]})
	}
	return gguf.Create(filepath.Join(dir, model.MetadataName), nil, pairs)
}
