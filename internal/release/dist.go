package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

// moment is the time of all files in packages: the earliest that a zip archive can say.
var moment = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// file is a file in a package.
type file struct {
	name string // slash-separated
	mode fs.FileMode
	data []byte
}

// sum is the SHA-256 of something that has a name.
type sum struct{ sha256, name string }

// dist is the directory of a release.
type dist struct {
	dir      string
	sums     []sum // of the files so far
	programs []sum // by platform
}

// create writes a file of the release.
func (d *dist) create(name string, write func(io.Writer) error) error {
	hash := sha256.New()
	err := atomicfile.Write(filepath.Join(d.dir, name), func(w io.Writer) error { return write(io.MultiWriter(w, hash)) })
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d.sums = append(d.sums, sum{hex.EncodeToString(hash.Sum(nil)), name})
	return nil
}

// writeSums writes, as sha256sum checks it, the hashes of all files; and those of the
// programs in them, which receipts name.
func (d *dist) writeSums() error {
	write := func(list []sum) func(io.Writer) error {
		return func(w io.Writer) error {
			for _, s := range slices.SortedFunc(slices.Values(list), func(a, b sum) int { return cmp.Compare(a.name, b.name) }) {
				if _, err := fmt.Fprintf(w, "%s  %s\n", s.sha256, s.name); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err := d.create("helix-substrate_"+version+"_programs.txt", write(d.programs)); err != nil {
		return err
	}
	return d.create("SHA256SUMS", write(d.sums))
}

// digest is the SHA-256 in hex.
func digest(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
