package main

import (
	"fmt"
	"os"
	"path/filepath"
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
