// Package gguf reads and writes GGUF, the model format of llama.cpp.
//
// Open opens a model in one file or in several ("-00001-of-00003.gguf").
// Everything the headers say is checked against the real files before it is
// believed. Metadata is read by key, tensors in windows of any size, dequantized
// to float32 bit for bit as ggml does:
//
//	f, err := gguf.Open("model-q4_k_m.gguf")
//	if err != nil {
//		return err
//	}
//	defer f.Close()
//	arch, err := f.String("general.architecture")
//	...
//	for _, t := range f.Tensors() {
//		row := make([]float32, t.Shape[len(t.Shape)-1])
//		err := t.ReadFloat32(row, 0)
//		...
//	}
//
// The format, all little-endian: "GGUF", u32 version, u64 number of tensors, u64
// number of metadata pairs; the pairs (string key, u32 kind, value); the tensors
// (string name, u32 dimensions, u64 each, fastest first, u32 type, u64 offset);
// data, each tensor at a multiple of the alignment. A string is a u64 length and
// its bytes. See https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
package gguf

import "errors"

// Errors of this package, wrapped with the file's name and the place.
var (
	// ErrFormat reports a file that is not GGUF.
	ErrFormat = errors.New("not a GGUF file")
	// ErrVersion reports a version of GGUF that is not read, or a byte order:
	// versions 2 and 3 are, in little-endian order.
	ErrVersion = errors.New("unsupported GGUF version")
	// ErrTruncated reports a file too short for what its header says, be it cut off
	// or a lie, or shorter than when it was opened.
	ErrTruncated = errors.New("truncated GGUF file")
	// ErrHeader reports malformed metadata: a key or name that appears twice, an
	// unknown kind of value, nesting or sizes beyond any use, a bad alignment.
	ErrHeader = errors.New("bad GGUF header")
	// ErrType reports a tensor type that is unknown or of no use in files.
	ErrType = errors.New("unsupported tensor type")
	// ErrShape reports a shape that overflows or does not fit its type's blocks or
	// the data.
	ErrShape = errors.New("bad tensor shape")
	// ErrOffset reports tensors that are misaligned or overlap.
	ErrOffset = errors.New("bad tensor offset")
	// ErrSplit reports parts of a model that do not belong together.
	ErrSplit = errors.New("bad split of a model")
	// ErrNoKey reports a metadata key that the file does not have.
	ErrNoKey = errors.New("no such metadata key")
	// ErrKind reports a metadata value of another kind than asked for, or a Go
	// value that has no kind.
	ErrKind = errors.New("wrong kind of metadata value")
)

// Limits far beyond real files, which keep forged ones from costing much memory.
const (
	maxHeader  = 256 << 20 // bytes before the data; vocabularies take about 10 MB
	maxKeys    = 1 << 16
	maxTensors = 1 << 18
	maxName    = 1<<16 - 1 // bytes of a key or tensor name
	maxDims    = 4
	maxNesting = 4 // arrays in arrays
)

const (
	magic            = "GGUF"
	alignmentKey     = "general.alignment"
	defaultAlignment = 32
)
