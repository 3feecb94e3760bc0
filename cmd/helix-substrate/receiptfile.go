package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
)

// keepReceipt writes a run's receipt into file and appends it to a log, if there are
// any, also when the run was interrupted. The log comes first: it says which receipt was
// before this one. Where it cannot be appended to, the file is written all the same.
func keepReceipt(ctx context.Context, e *receipt.Execution, file *atomicfile.File, log string) error {
	var logged error
	if log != "" {
		logged = chain.Append(context.WithoutCancel(ctx), log, e)
	}
	if file == nil {
		return logged
	}
	err := e.Write(file)
	if err == nil {
		err = file.Commit()
	}
	return errors.Join(logged, err)
}

// apart refuses an output that is a file of the model at path or lies in its
// directory, also by way of links.
func apart(output, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return distinct(gguf.PartNames(path), []string{output})
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	files := make([]string, len(entries))
	for i, e := range entries {
		files[i] = filepath.Join(path, e.Name())
	}
	if err := distinct(files, []string{output}); err != nil {
		return err
	}
	dir, err := filepath.Abs(filepath.Dir(output))
	if err != nil {
		return err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	for ; ; dir = filepath.Dir(dir) {
		if sameFile(dir, path) {
			return usageError(fmt.Sprintf("%s lies in the model's directory: choose another output", output))
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}
