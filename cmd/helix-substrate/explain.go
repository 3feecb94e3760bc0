package main

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// remedies says what a user can do about an error. The first match counts.
var remedies = []struct {
	err    error
	remedy string
}{
	{fs.ErrNotExist, "check the path"},
	{fs.ErrPermission, "check the permissions"},
	{syscall.ENOSPC, "free space on that disk or choose another output"},
	{syscall.EISDIR, "name a file, not a directory"},
	{convert.ErrExists, "choose another output or remove it first"},
	{convert.ErrNoTensors, "name a .safetensors file or a directory that holds one"},
	{codebook.ErrNonFinite, "use --nonfinite=sidecar to keep such values exactly"},
	{cdna.ErrChecksum, "the file is damaged: copy or convert it again"},
	{cdna.ErrTruncated, "the file is incomplete: copy or convert it again"},
	{cdna.ErrFormat, "expected a .cdna, .cdna2.hxz or .hxzo file"},
	{cdna.ErrVersion, "update helix-substrate"},
	{model.ErrNotModel, "make one with 'helix-substrate convert SRC -o DIR'"},
	{model.ErrMissing, "convert the model again"},
	{model.ErrMismatch, "convert the model again"},
	{stream.ErrShape, "see 'helix-substrate inspect FILE' for the matrix's shape, and --transpose for X @ Wᵀ"},
	{npy.ErrFormat, "expected a .npy file"},
	{npy.ErrSize, "the file is incomplete: copy it again"},
	{safetensors.ErrTruncated, "the file is incomplete: copy it again"},
	{safetensors.ErrHeader, "expected a .safetensors file"},
	{kernel.ErrLevel, "unset HELIX_CPU to let the program choose"},
}

// explain returns err as one line with a remedy where one is known.
func explain(err error) string {
	line := strings.Join(strings.Fields(err.Error()), " ")
	for _, r := range remedies {
		if errors.Is(err, r.err) {
			return line + " (" + r.remedy + ")"
		}
	}
	return line
}
