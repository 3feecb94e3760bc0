package torch

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
	"github.com/helix-substrate/helix-substrate/internal/shardindex"
)

const (
	shardSuffix = ".bin"
	indexSuffix = ".bin.index.json"
	partPattern = "consolidated.[0-9][0-9].pth"
	maxIndex    = 100_000_000
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

// Choose tells which of a directory's files is its checkpoint: pytorch_model.bin,
// else pytorch_model.bin.index.json, else the only *.bin.index.json, else
// consolidated.pth, else the only consolidated.NN.pth, else the only *.bin, *.pth or
// *.pt there is. Without any it returns fs.ErrNotExist, with several ErrIndex.
func Choose(names []string) (string, error) {
	matching := func(pattern string) (found []string) {
		for _, name := range names {
			if ok, _ := filepath.Match(pattern, name); ok && name[0] != '.' {
				found = append(found, name)
			}
		}
		return found
	}
	for _, patterns := range [][]string{
		{"pytorch_model.bin"}, {"pytorch_model" + indexSuffix}, {"*" + indexSuffix},
		{"consolidated.pth"}, {partPattern}, {"*.bin", "*.pth", "*.pt"},
	} {
		var found []string
		for _, p := range patterns {
			found = append(found, matching(p)...)
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1 && patterns[0] == partPattern:
			return "", fmt.Errorf("%w: each of %s holds a part of every tensor, which only Meta's own program joins", ErrIndex, strings.Join(found, ", "))
		case len(found) > 1:
			return "", fmt.Errorf("%w: several candidates, name one of %s", ErrIndex, strings.Join(found, ", "))
		}
	}
	return "", fmt.Errorf("no PyTorch file: %w", fs.ErrNotExist)
}

// OpenIndex opens the shards that an index names, which lie beside it. What they hold counts,
// as in transformers; the index decides only where several shards have a tensor.
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
func NewIndexed(r io.ReaderAt, size int64, name string, open func(shard string) (*File, error)) (*Set, error) {
	set := &Set{}
	if err := set.load(r, size, open); err != nil {
		set.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return set, nil
}

func (s *Set) load(r io.ReaderAt, size int64, open func(shard string) (*File, error)) error {
	if size > maxIndex {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrIndex, size, maxIndex)
	}
	text := make([]byte, size)
	if err := readFull(r, text, 0); err != nil {
		return err
	}
	shardOf, err := shardindex.Parse(text, shardSuffix, ErrIndex)
	if err != nil {
		return err
	}
	for _, shard := range slices.Compact(slices.Sorted(maps.Values(shardOf))) {
		f, err := open(shard)
		if err != nil {
			return err
		}
		s.files = append(s.files, f)
	}
	of := map[string]*File{}
	for _, f := range s.files {
		for _, t := range f.tensors {
			shard := filepath.Base(f.path)
			if other, ok := of[t.Name]; ok && shardOf[t.Name] != shard {
				if shardOf[t.Name] != filepath.Base(other.path) {
					return fmt.Errorf("%w: tensor %q is in %s and %s, and mapped to neither", ErrIndex, t.Name, filepath.Base(other.path), shard)
				}
				continue
			}
			of[t.Name] = f
		}
	}
	for _, f := range s.files {
		for _, t := range f.tensors {
			if of[t.Name] == f {
				s.tensors = append(s.tensors, t)
			}
		}
	}
	slices.SortFunc(s.files, func(a, b *File) int { return strings.Compare(a.path, b.path) })
	slices.SortFunc(s.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// Files returns the files, sorted by path.
func (s *Set) Files() []*File { return slices.Clone(s.files) }

// Tensors returns the tensors of all files sorted by name.
func (s *Set) Tensors() []*Tensor { return slices.Clone(s.tensors) }

// Tensor returns the tensor of that name, false if there is none.
func (s *Set) Tensor(name string) (*Tensor, bool) { return find(s.tensors, name) }

// Close closes all files.
func (s *Set) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
