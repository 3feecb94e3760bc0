package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/helix-substrate/helix-substrate/embedding"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/model"
	place "github.com/helix-substrate/helix-substrate/storage"
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
	embedding.ModulesName,
	embedding.PromptsName,
	embedding.LengthName,
	"LICENSE",
}

// largestCompanion bounds what is copied: vocabularies take tens of MB.
const largestCompanion = 1 << 30

// copyCompanions copies those that the source has and describes them.
func (c *conversion) copyCompanions(ctx context.Context) ([]model.File, error) {
	var copied []model.File
	inModules, err := c.moduleFiles(ctx)
	if err != nil {
		return nil, err
	}
	for _, from := range slices.Concat(companions, inModules) {
		name := embedding.Flat(from)
		if slices.ContainsFunc(copied, func(f model.File) bool { return f.File == name }) {
			return nil, fmt.Errorf("%s and another file would both be called %s in a model directory: %w", from, name, embedding.ErrModule)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in, err := c.src.OpenFile(ctx, from)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		if in.Size() > largestCompanion {
			err = fmt.Errorf("%d bytes: %w", in.Size(), fs.ErrInvalid)
		} else {
			err = copyFile(ctx, c.stage(name), io.NewSectionReader(place.WithContext(ctx, in), 0, in.Size()))
		}
		in.Close()
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", name, err)
		}
		f, err := c.describeFile(ctx, name)
		if err != nil {
			return nil, err
		}
		if err := c.checkFile(from, f.SHA256); err != nil {
			return nil, err
		}
		copied = append(copied, f)
	}
	return copied, nil
}

// moduleFiles are the files in directories of modules that make vectors of texts. Where they make them in a way that is not known, the model's
// other uses do not depend on it, and nothing is copied but what says so.
func (c *conversion) moduleFiles(ctx context.Context) ([]string, error) {
	text, err := c.src.ReadFile(ctx, embedding.ModulesName, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	files, err := embedding.Files(text)
	if errors.Is(err, embedding.ErrModule) {
		return nil, nil
	}
	return files, err
}

// copyFile writes what r gives, in pieces, so that it can be stopped.
func copyFile(ctx context.Context, path string, r io.Reader) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := io.CopyN(w, r, 1<<20); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
}
