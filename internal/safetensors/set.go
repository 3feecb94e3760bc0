package safetensors

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

const (
	suffix      = ".safetensors"
	indexSuffix = ".safetensors.index.json"
)

// Set is a whole checkpoint in one or more files. Its methods, but for Close, are
// safe for concurrent use.
type Set struct {
	files   []*File   // sorted by path
	tensors []*Tensor // sorted by name
}

// OpenSet opens a checkpoint by the path of a file, an index or a directory.
func OpenSet(path string) (*Set, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return OpenDir(path)
	case strings.HasSuffix(path, ".json"):
		return OpenIndex(path)
	}
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	return &Set{files: []*File{f}, tensors: f.tensors}, nil
}

// OpenDir opens the checkpoint in a directory: model.safetensors, else
// model.safetensors.index.json with its shards, else the only *.index.json, else
// the only *.safetensors there is.
func OpenDir(dir string) (*Set, error) {
	for _, name := range []string{"model" + suffix, "model" + indexSuffix} {
		path := filepath.Join(dir, name)
		switch _, err := os.Stat(path); {
		case err == nil:
			return OpenSet(path)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, end := range []string{indexSuffix, suffix} {
		var candidates []string
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), end) && e.Name()[0] != '.' {
				candidates = append(candidates, e.Name())
			}
		}
		if len(candidates) == 1 {
			return OpenSet(filepath.Join(dir, candidates[0]))
		}
		if len(candidates) > 1 {
			return nil, fmt.Errorf("%s: %w: several candidates, name one of %s", dir, ErrIndex, strings.Join(candidates, ", "))
		}
	}
	return nil, fmt.Errorf("%s: no safetensors file: %w", dir, fs.ErrNotExist)
}

// OpenIndex opens the shards that an index names, which lie beside it. The index
// must tell exactly what the shards hold.
func OpenIndex(path string) (set *Set, err error) {
	weightMap, err := readIndex(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	set = &Set{}
	defer func() {
		if err != nil {
			set.Close()
			set = nil
		}
	}()
	shards := map[string]*File{}
	for _, name := range slices.Sorted(maps.Keys(weightMap)) {
		shard := weightMap[name]
		f, ok := shards[shard]
		if !ok {
			if f, err = Open(filepath.Join(filepath.Dir(path), shard)); err != nil {
				return set, fmt.Errorf("%s: %w", path, err)
			}
			shards[shard] = f
			set.files = append(set.files, f)
		}
		t, ok := f.Tensor(name)
		if !ok {
			return set, fmt.Errorf("%s: %w: tensor %q is not in %s", path, ErrIndex, name, shard)
		}
		set.tensors = append(set.tensors, t)
	}
	slices.SortFunc(set.files, func(a, b *File) int { return strings.Compare(a.path, b.path) })
	for _, f := range set.files {
		for _, t := range f.tensors {
			if shards[weightMap[t.Name]] != f {
				return set, fmt.Errorf("%s: %w: tensor %q of %s is not mapped to it", path, ErrIndex, t.Name, filepath.Base(f.path))
			}
		}
	}
	return set, nil
}

// readIndex returns the weight_map of an index: file name by tensor name.
func readIndex(path string) (map[string]string, error) {
	file, size, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > maxHeader {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrIndex, size, maxHeader)
	}
	text := make([]byte, size)
	if err := readFull(file, text, 0); err != nil {
		return nil, err
	}
	return parseIndex(text)
}

// Files returns the files, sorted by path.
func (s *Set) Files() []*File { return slices.Clone(s.files) }

// Tensors returns the tensors of all files sorted by name.
func (s *Set) Tensors() []*Tensor { return slices.Clone(s.tensors) }

// Tensor returns the tensor of that name, false if there is none.
func (s *Set) Tensor(name string) (*Tensor, bool) { return find(s.tensors, name) }

// Metadata returns the "__metadata__" of all files together; where two disagree
// the file whose path sorts first wins.
func (s *Set) Metadata() map[string]string {
	all := map[string]string{}
	for _, f := range slices.Backward(s.files) {
		maps.Copy(all, f.metadata)
	}
	return all
}

// Close closes all files.
func (s *Set) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
