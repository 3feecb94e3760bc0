package safetensors

import (
	"errors"
	"fmt"
	"io"
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

// OpenDir opens the checkpoint in a directory: the file that [Choose] chooses.
func OpenDir(dir string) (*Set, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	name, err := Choose(names)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return OpenSet(filepath.Join(dir, name))
}

// Choose tells which of a directory's files is its checkpoint: model.safetensors,
// else model.safetensors.index.json, else the only *.safetensors.index.json, else
// the only *.safetensors there is. Without any it returns fs.ErrNotExist, with
// several ErrIndex.
func Choose(names []string) (string, error) {
	for _, name := range []string{"model" + suffix, "model" + indexSuffix} {
		if slices.Contains(names, name) {
			return name, nil
		}
	}
	for _, end := range []string{indexSuffix, suffix} {
		var candidates []string
		for _, name := range names {
			if strings.HasSuffix(name, end) && name[0] != '.' {
				candidates = append(candidates, name)
			}
		}
		if len(candidates) == 1 {
			return candidates[0], nil
		}
		if len(candidates) > 1 {
			return "", fmt.Errorf("%w: several candidates, name one of %s", ErrIndex, strings.Join(candidates, ", "))
		}
	}
	return "", fmt.Errorf("no safetensors file: %w", fs.ErrNotExist)
}

// OpenIndex opens the shards that an index names, which lie beside it. What they hold counts,
// as in transformers: published indices list tensors that no shard has, such as a tied head, and
// leave some out. The index decides only where several shards have a tensor.
func OpenIndex(path string) (*Set, error) {
	file, size, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return NewIndexed(file, size, path, func(shard string) (*File, error) {
		return Open(filepath.Join(filepath.Dir(path), shard))
	})
}

// NewIndexed reads an index of size bytes from r and opens the shards it names,
// each once, by their plain file names. name stands for the index's path. The set
// closes the files.
func NewIndexed(r io.ReaderAt, size int64, name string, open func(shard string) (*File, error)) (set *Set, err error) {
	weightMap, err := readIndex(r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	set = &Set{}
	defer func() {
		if err != nil {
			set.Close()
			set = nil
		}
	}()
	of := map[string]*File{}
	for _, shard := range slices.Compact(slices.Sorted(maps.Values(weightMap))) {
		f, err := open(shard)
		if err != nil {
			return set, fmt.Errorf("%s: %w", name, err)
		}
		set.files = append(set.files, f)
		for _, t := range f.tensors {
			if other, ok := of[t.Name]; ok && weightMap[t.Name] != shard {
				if weightMap[t.Name] != filepath.Base(other.path) {
					return set, fmt.Errorf("%s: %w: tensor %q is in %s and %s, and mapped to neither", name, ErrIndex, t.Name, filepath.Base(other.path), shard)
				}
				continue
			}
			of[t.Name] = f
		}
	}
	for _, f := range set.files {
		for _, t := range f.tensors {
			if of[t.Name] == f {
				set.tensors = append(set.tensors, t)
			}
		}
	}
	slices.SortFunc(set.files, func(a, b *File) int { return strings.Compare(a.path, b.path) })
	slices.SortFunc(set.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
	return set, nil
}

// readIndex returns the weight_map of an index: file name by tensor name.
func readIndex(r io.ReaderAt, size int64) (map[string]string, error) {
	if size > maxHeader {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrIndex, size, maxHeader)
	}
	text := make([]byte, size)
	if err := readFull(r, text, 0); err != nil {
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
