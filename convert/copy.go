package convert

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

// companions are the files beside a checkpoint's weights that a model needs.
var companions = []string{
	"config.json",
	"generation_config.json",
	"tokenizer.json",
	"tokenizer_config.json",
	"tokenizer.model",
	"special_tokens_map.json",
	"added_tokens.json",
	"vocab.json",
	"merges.txt",
	"chat_template.jinja",
	"chat_template.json",
	"LICENSE",
}

// copyCompanions copies those that src has to dst and returns their names.
func copyCompanions(ctx context.Context, src, dst string) ([]string, error) {
	var copied []string
	for _, name := range companions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in, err := os.Open(filepath.Join(src, name))
		if os.IsNotExist(err) {
			continue
		} else if err != nil {
			return nil, err
		}
		err = copyFile(filepath.Join(dst, name), in)
		in.Close()
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", name, err)
		}
		copied = append(copied, name)
	}
	return copied, nil
}

func copyFile(path string, r io.Reader) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Commit()
}
