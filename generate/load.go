package generate

import (
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/storage"
	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// ErrNoTokenizer reports a model that comes without a tokenizer, which is enough for ids
// alone.
var ErrNoTokenizer = errors.New("no tokenizer")

// absent is an error of reading that is ErrNoTokenizer too.
type absent struct{ error }

func (e absent) Unwrap() error        { return e.error }
func (e absent) Is(target error) bool { return target == ErrNoTokenizer }

// OpenTokenizer opens the tokenizer of a model directory, a Hugging Face directory, a
// file of weights in one, or a GGUF file. Errors are ErrNoTokenizer and those of reading.
func OpenTokenizer(path string) (*tokenizer.Tokenizer, error) {
	at, err := checkpoint.Find(context.Background(), path)
	if err != nil {
		return nil, err
	}
	return OpenTokenizerAt(context.Background(), at, "")
}

// OpenTokenizerAt is OpenTokenizer for a model wherever it lies (see checkpoint.At). It
// compares no hash of a model directory if verify is cdna.Off.
func OpenTokenizerAt(ctx context.Context, at checkpoint.Location, verify cdna.Policy) (*tokenizer.Tokenizer, error) {
	t, err := findTokenizer(ctx, at, verify)
	if errors.Is(err, tokenizer.ErrNotFound) || errors.Is(err, checkpoint.ErrNoKey) {
		err = absent{err}
	}
	return t, err
}

func findTokenizer(ctx context.Context, at checkpoint.Location, verify cdna.Policy) (*tokenizer.Tokenizer, error) {
	if at.Converted() {
		m, err := at.Model(ctx, verify)
		if err != nil {
			return nil, err
		}
		return modelTokenizer(ctx, m)
	}
	t, err := checkpointTokenizer(ctx, at)
	if !errors.Is(err, tokenizer.ErrNotFound) {
		return t, err
	}
	c, unknown := at.Checkpoint(ctx, checkpoint.Options{})
	if errors.Is(unknown, checkpoint.ErrUnknown) {
		return nil, unknown // where there is no model, a tokenizer is not what is missing
	}
	if unknown == nil {
		c.Close()
	}
	return nil, err
}

// checkpointTokenizer opens the tokenizer of a checkpoint: a GGUF file's own, or that beside
// the weights.
func checkpointTokenizer(ctx context.Context, at checkpoint.Location) (*tokenizer.Tokenizer, error) {
	whole, err := at.IsGGUF(ctx)
	if err != nil {
		return nil, err
	}
	if !whole {
		return readTokenizer(at.Dir(), func(name string) ([]byte, error) {
			return storage.ReadFile(ctx, at.Place, name, tokenizer.MaxFileSize)
		})
	}
	f, err := at.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return fromGGUF(f)
}

// modelTokenizer opens the tokenizer of an open model directory: that of its files, or
// the one in the metadata of the GGUF file that the model was converted from.
func modelTokenizer(ctx context.Context, m *model.Model) (*tokenizer.Tokenizer, error) {
	f, err := checkpoint.OpenMetadata(ctx, m)
	if err != nil {
		return nil, err
	}
	if f != nil {
		defer f.Close()
		return fromGGUF(f)
	}
	return readTokenizer(m.Dir, func(name string) ([]byte, error) { return m.ReadFile(ctx, name, tokenizer.MaxFileSize) })
}

// readTokenizer reads a tokenizer's files, which lie where says.
func readTokenizer(where string, read func(name string) ([]byte, error)) (*tokenizer.Tokenizer, error) {
	t, err := tokenizer.Read(read)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return t, nil
}

// fromGGUF reads the tokenizer in a GGUF file's metadata.
func fromGGUF(f checkpoint.Metadata) (*tokenizer.Tokenizer, error) {
	v, err := tokenizer.ReadGGUF(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	t, err := tokenizer.FromGGUF(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return t, nil
}
