// Package overwrite refuses outputs that would destroy, or change, what is read, or what
// the program did not write.
//
//	err := overwrite.Check(
//		[]overwrite.Input{{Flag: "SRC", Path: "model", Kind: overwrite.Model}},
//		[]overwrite.Output{{Flag: "--report", Path: "model/config.json", Kind: overwrite.File}})
//	// --report model/config.json: that is in SRC model: choose another output
//
// Paths are compared as the system sees them, not as they are spelled: through "..",
// symbolic and hard links, and on file systems where case does not count.
package overwrite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrOutput reports an output that would destroy an input, another output, or a file of
// somebody else.
var ErrOutput = errors.New("choose another output")

// Input is a path that is read.
type Input struct {
	Flag string // what the user calls it: "--x", "SRC"
	Path string
	Kind InputKind
}

// InputKind says what else is read with a path.
type InputKind string

const (
	// One is a file alone, or with the model directory that it lies in.
	One InputKind = "file"
	// Model is a model directory or a checkpoint: a directory with all that is in it, a
	// file with the other parts or shards of its model, or a repository of the hub, with
	// the hub's cache.
	Model InputKind = "model"
)

// Output is a path that is written.
type Output struct {
	Flag string
	Path string
	Kind OutputKind
}

// OutputKind says what is written at a path, and beside it.
type OutputKind string

const (
	// File is a file that is written whole and then gets its name, and must not be there yet.
	File OutputKind = "file"
	// Array is a .npy file. It and the next ones may replace files of their kind, and no others.
	Array OutputKind = "array"
	// Matrix is a CDNA file.
	Matrix OutputKind = "matrix"
	// Outliers is a sidecar.
	Outliers OutputKind = "outliers"
	// Report is a report of a conversion, for people.
	Report OutputKind = "report"
	// Plot is a drawing of Structural Entropy.
	Plot OutputKind = "plot"
	// Receipt is a receipt, signed or not.
	Receipt OutputKind = "receipt"
	// Answers is what answers a batch of requests.
	Answers OutputKind = "answers"
	// Experts is a table of how often experts are used.
	Experts OutputKind = "experts"
	// Statistics is a file of a calibration: one that is there is read and stays as it is.
	Statistics OutputKind = "statistics"
	// Directory is a new directory, which is built under other names beside it.
	Directory OutputKind = "directory"
	// Log is a log of receipts, and its tree.
	Log OutputKind = "log"
	// Keys is a private key, and its public half beside it.
	Keys OutputKind = "keys"
	// Signature is a file that may lie in the model that it signs, as model.sig.
	Signature OutputKind = "signature"
	// Scratch is a directory for temporary files of new names.
	Scratch OutputKind = "scratch"
)

// signatureName is what a signature is called that lies in its model.
const signatureName = "model.sig"

// trim drops the separators that a path ends with.
func trim(path string) string {
	for path != "" && os.IsPathSeparator(path[len(path)-1]) {
		path = path[:len(path)-1]
	}
	return path
}

// files returns all paths that are written for an output.
func (o Output) files() []string {
	trimmed := trim(o.Path)
	if trimmed == "" {
		trimmed = o.Path
	}
	dir, base := filepath.Split(trimmed)
	switch o.Kind {
	case Directory:
		return []string{o.Path, dir + "." + base + ".partial", dir + "." + base + ".lock"}
	case Log:
		return []string{o.Path, o.Path + ".tree"}
	case Keys:
		return []string{o.Path, o.Path + ".pub"}
	case Scratch:
		return nil
	}
	return []string{o.Path}
}

// Check refuses, as ErrOutput, an output that is an input or a link to one, that is a
// directory around an input, or lies in one that is read as a whole; and outputs that are
// each other or lie in each other; and outputs in whose place there is a file that is none of
// their kind. Empty paths count for nothing. Inputs that are not
// there are other people's errors.
func Check(inputs []Input, outputs []Output) error {
	read := make([]*reading, len(inputs))
	for i, in := range inputs {
		read[i] = &reading{Input: in}
	}
	var before []written
	for _, o := range outputs {
		if o.Path == "" {
			continue
		}
		if o.Path == "-" {
			return fmt.Errorf("%s -: standard output is not supported, name a file: %w", o.Flag, ErrOutput)
		}
		var these []written
		for _, path := range o.files() {
			w := written{Output: o, place: locate(path)}
			for _, in := range read {
				if why := in.harmedBy(w); why != "" {
					return fmt.Errorf("%s %s: %s %s %s: %w", o.Flag, o.Path, why, in.Flag, in.Path, ErrOutput)
				}
			}
			for _, other := range before {
				if why := w.meets(other); why != "" {
					return fmt.Errorf("%s %s: %s %s %s: %w", o.Flag, o.Path, why, other.Flag, other.Path, ErrOutput)
				}
			}
			if w.foreign() {
				return fmt.Errorf("%s %s: a file is there that is no %s of this program: %w", o.Flag, o.Path, o.Kind, ErrOutput)
			}
			these = append(these, w)
		}
		before = append(before, these...)
	}
	return nil
}

// written is one of the paths of an output.
type written struct {
	Output
	place
}

// meets says how two outputs are in each other's way; "" if they are not.
func (w written) meets(other written) string {
	switch {
	case w.same(other.place) || strings.EqualFold(w.real, other.real):
		return "that is"
	case other.Kind == Directory && w.within(other.place), w.Kind == Directory && other.within(w.place):
		return "one lies in the other:"
	}
	return ""
}

// reading is an input. What is read with it is looked up when an output needs to know.
type reading struct {
	Input
	place    place
	dirs     []place // with all that is in them
	located  bool
	files    []file
	searched bool
}

// harmedBy says what is wrong with an output; "" if nothing is.
func (r *reading) harmedBy(w written) string {
	if r.Path == "" {
		return ""
	}
	if !r.located {
		r.place, r.dirs, r.located = locate(r.Path), dirsOf(r.Input), true
	}
	if w.same(r.place) {
		return "that is"
	}
	if r.place.within(w.place) {
		return "that is a directory around"
	}
	signature := w.Kind == Signature && filepath.Base(w.Path) == signatureName
	for _, dir := range r.dirs {
		if !signature && (w.same(dir) || w.within(dir)) {
			return "that lies in"
		}
	}
	if w.info == nil { // it can be a link to none of the files
		return ""
	}
	if !r.searched {
		r.files, r.searched = filesOf(r.Input), true
	}
	for _, f := range r.files {
		if os.SameFile(f.info, w.info) && !(signature && resolve(f.path, maxLinks) == w.real) {
			return "that is a file of"
		}
	}
	return ""
}

// place is where a path leads.
type place struct {
	real string      // absolute, without links as far as it exists
	info os.FileInfo // nil if nothing is there
}

// locate follows a path. What does not exist is named by what of it does.
func locate(path string) place {
	p := place{}
	if info, err := os.Stat(path); err == nil {
		p.info = info
	}
	p.real = resolve(path, maxLinks)
	return p
}

// maxLinks is how many links a path may have, as systems have it.
const maxLinks = 64

// resolve makes a path absolute and follows its links, also one that leads nowhere yet.
func resolve(path string, links int) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		if abs, err := filepath.Abs(real); err == nil {
			return abs
		}
	}
	path = trim(path)
	if to, err := os.Readlink(path); err == nil && links > 0 {
		if !filepath.IsAbs(to) {
			dir, _ := filepath.Split(path)
			to = dir + to
		}
		return resolve(to, links-1)
	}
	dir, base := filepath.Split(path) // not Dir, which drops "..", whose meaning depends on links
	if base == "" || base == "." || base == ".." || links == 0 {
		abs, err := filepath.Abs(path)
		if err != nil {
			return filepath.Clean(path)
		}
		return abs
	}
	if dir == "" {
		dir = "."
	}
	return filepath.Join(resolve(dir, links-1), base)
}

// same tells whether two places are one file, by whatever name.
func (p place) same(other place) bool {
	if p.info != nil && other.info != nil {
		return os.SameFile(p.info, other.info)
	}
	return p.real == other.real
}

// within tells whether p lies somewhere in the directory d.
func (p place) within(d place) bool {
	for dir := filepath.Dir(p.real); ; dir = filepath.Dir(dir) {
		if dir == d.real {
			return true
		}
		if d.info != nil {
			if info, err := os.Stat(dir); err == nil && os.SameFile(info, d.info) {
				return true
			}
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}
