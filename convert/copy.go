package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/model"
)

// Companions lists the files beside a checkpoint's weights that a model needs. Not all
// models have all of them.
func Companions() []string { return slices.Clone(companions) }

var companions = []string{
	"config.json",
	"generation_config.json",
	"tokenizer.json",
	"tokenizer_config.json",
	"tokenizer.model",
	"special_tokens_map.json",
	"added_tokens.json",
	"vocab.json",
	"vocab.txt",
	"spiece.model",
	"preprocessor_config.json",
	"merges.txt",
	"chat_template.jinja",
	"chat_template.json",
	"LICENSE",
}

// largestCompanion bounds what is copied: vocabularies take tens of MB.
const largestCompanion = 1 << 30

// copyCompanions copies those that src has to dst and describes them.
func copyCompanions(ctx context.Context, src *checkpoint.Checkpoint, dst string) ([]model.File, error) {
	var copied []model.File
	for _, name := range companions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in, err := src.OpenFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		if in.Size() > largestCompanion {
			err = fmt.Errorf("%d bytes: %w", in.Size(), fs.ErrInvalid)
		} else {
			err = copyFile(filepath.Join(dst, name), io.NewSectionReader(in, 0, in.Size()))
		}
		in.Close()
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", name, err)
		}
		sum, n, err := model.HashFile(ctx, filepath.Join(dst, name))
		if err != nil {
			return nil, err
		}
		copied = append(copied, model.File{File: name, Bytes: n, SHA256: sum})
	}
	return copied, nil
}

func copyFile(path string, r io.Reader) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}
