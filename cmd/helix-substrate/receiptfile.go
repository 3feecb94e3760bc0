package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
)

// createReceipt opens the file of a receipt of a run of the model at path. It comes
// before the run, so that one whose receipt cannot be written does not start.
func createReceipt(name, path string) (*atomicfile.File, error) {
	if err := apart(name, path); err != nil {
		return nil, err
	}
	return atomicfile.Create(name)
}

// checkLog refuses, before a run of the model at path, a log that it could not append
// to.
func checkLog(log, path string) error {
	for _, name := range []string{log, log + chain.TreeSuffix} {
		if err := apart(name, path); err != nil {
			return err
		}
	}
	_, err := os.Stat(filepath.Dir(log))
	return err
}

// keepReceipt writes a run's receipt into file and appends it to a log, if there are
// any. The log comes first: it says which receipt was before this one.
func keepReceipt(ctx context.Context, e *receipt.Execution, file *atomicfile.File, log string) error {
	if log != "" {
		if err := chain.Append(ctx, log, e); err != nil {
			return err
		}
	}
	if file == nil {
		return nil
	}
	if err := e.Write(file); err != nil {
		return err
	}
	return file.Commit()
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
