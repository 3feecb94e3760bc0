package attest

import (
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// ReadDocument reads a receipt, envelope or signature whole. What is larger than any
// is receipt.ErrLimit.
func ReadDocument(path string) ([]byte, error) {
	f, size, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > receipt.MaxBytes {
		return nil, fmt.Errorf("%s: %d bytes: %w", path, size, receipt.ErrLimit)
	}
	return io.ReadAll(io.LimitReader(f, receipt.MaxBytes+1))
}
