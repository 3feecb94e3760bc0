package cdna

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// keySidecarSum is the header key that ties a matrix to its sidecar: the SHA-256 of all bytes of the sidecar file.
// Readers that do not know it ignore it.
const keySidecarSum = "sidecar_sha256"

func isHexSum(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// CheckSidecar tells whether s belongs to f, which a caller should know before it replaces weights: the shapes must be
// equal, all positions inside, and the sum in f's header that of the sidecar's file. Files without such a sum, as the
// original system writes them, must have the same tensor name, unless one of them has none. Errors wrap ErrSidecar. s
// must have been read, or written by CreateSidecar, and not been changed since.
func (f *File) CheckSidecar(s *Sidecar) error {
	h := &s.Header
	if h.Rows != f.grid.rows || h.Cols != f.grid.cols {
		return f.mismatch("it is for a matrix of [%d, %d], this is [%d, %d]", h.Rows, h.Cols, f.grid.rows, f.grid.cols)
	}
	if n := s.Stray(); n > 0 {
		return f.mismatch("%d of its %d positions lie outside of [%d, %d]", n, len(s.Positions), h.Rows, h.Cols)
	}
	if want := f.header.SidecarSHA256; want != "" {
		if got := hex.EncodeToString(s.SHA256[:]); got != want {
			return f.mismatch("another one was written with this file: SHA-256 %s, want %s", got, want)
		}
		return nil
	}
	if a, b := h.TensorName, f.header.TensorName; a != b && a != "" && b != "" {
		return f.mismatch("it is for the tensor %q, this is %q", a, b)
	}
	return nil
}

// mismatch is the error of a sidecar that does not belong to f.
func (f *File) mismatch(format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", f.name, ErrSidecar, fmt.Sprintf(format, args...))
}
