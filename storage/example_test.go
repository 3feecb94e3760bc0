package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/helix-substrate/helix-substrate/storage"
)

// bucket is a Place of files in memory, as one of an object store would be written.
type bucket map[string][]byte

func (b bucket) Names(context.Context) ([]string, error) {
	return slices.Sorted(maps.Keys(b)), nil
}

func (b bucket) Path(name string) string { return "bucket://models/" + name }

func (b bucket) Open(_ context.Context, name string) (storage.File, error) {
	content, ok := b[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", b.Path(name), fs.ErrNotExist)
	}
	return object{bytes.NewReader(content)}, nil
}

// object is an open file; a store would ask for a range where this reads from memory.
type object struct{ *bytes.Reader }

func (o object) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return o.ReadAt(p, off)
}

func (o object) Stamp() string { return fmt.Sprint(o.Size(), " bytes") }
func (o object) Close() error  { return nil }

func Example() {
	ctx := context.Background()
	place := bucket{"config.json": []byte("{}")}
	text, err := storage.ReadFile(ctx, place, "config.json", 1<<20)
	fmt.Println(string(text), err)
	_, err = storage.ReadFile(ctx, place, "tokenizer.json", 1<<20)
	fmt.Println(errors.Is(err, fs.ErrNotExist), err)
	// Output:
	// {} <nil>
	// true bucket://models/tokenizer.json: file does not exist
}
