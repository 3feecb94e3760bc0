package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// distinct refuses outputs that are inputs, or each other: a verb never destroys
// what it reads. Empty paths are skipped.
func distinct(inputs, outputs []string) error {
	for i, out := range outputs {
		if out == "" {
			continue
		}
		if out == "-" {
			return usageError("output -: standard output is not supported, name a file")
		}
		for _, other := range append(append([]string(nil), inputs...), outputs[:i]...) {
			if other != "" && sameFile(out, other) {
				return usageError(fmt.Sprintf("%s would be overwritten by %s: choose another output", other, out))
			}
		}
	}
	return nil
}

func sameFile(a, b string) bool {
	if infoA, err := os.Stat(a); err == nil {
		if infoB, err := os.Stat(b); err == nil {
			return os.SameFile(infoA, infoB)
		}
	}
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && absA == absB
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
