package checkpoint

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"

	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/storage"
)

// Metadata are what a GGUF file says of a model, by key. Getters fail with ErrNoKey or
// ErrKind, naming file and key; numbers are taken from any kind that holds them. What they
// return is the caller's. It is safe for concurrent use.
type Metadata interface {
	// Name is the file's, of several parts the first's.
	Name() string
	// Keys lists the keys in the order of the file.
	Keys() []string
	Has(key string) bool
	// Any returns a value of any kind as Go has it: integers, floats, bool, string or []any.
	Any(key string) (any, error)
	String(key string) (string, error)
	Bool(key string) (bool, error)
	// Uint returns an integer that is not negative.
	Uint(key string) (uint64, error)
	Int(key string) (int64, error)
	// Float returns a number; integers beyond 2^53 are rounded.
	Float(key string) (float64, error)
	Strings(key string) ([]string, error)
	Ints(key string) ([]int64, error)
	Bools(key string) ([]bool, error)
	// Floats32 returns an array of numbers, rounded to float32.
	Floats32(key string) ([]float32, error)
	// All returns keys and values in the order of the file, as they are stored: for those who
	// write them to another GGUF file.
	All() iter.Seq2[string, any]
}

// MetadataFile are metadata in an open file. They are closed after the last value was asked
// for: long ones stay in the file until then.
type MetadataFile interface {
	Metadata
	io.Closer
}

// OpenMetadata opens the metadata of the GGUF file that a model directory was converted
// from; nil without error if it was converted from something else. The caller closes it.
func OpenMetadata(ctx context.Context, m *model.Model) (MetadataFile, error) {
	f, err := openMetadata(ctx, m, model.MetadataName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}

// openMetadata opens the metadata of a GGUF file, in one part or in several, of a place.
func openMetadata(ctx context.Context, place storage.Place, file string) (MetadataFile, error) {
	c := &Checkpoint{name: place.Path(file), place: place, files: map[string]storage.File{}}
	if err := c.readGGUF(ctx, file); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return metadataFile{c.gguf, c}, nil
}

type metadataFile struct {
	Metadata
	files *Checkpoint
}

func (f metadataFile) Close() error { return f.files.Close() }
