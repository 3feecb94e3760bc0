//go:build !linux

package bench

import (
	"context"
	"errors"
)

// directRead is how much would be read at a time.
const directRead = 128 << 10

// readDirect is not offered here.
func readDirect(context.Context, []string, int64, int) (bytes int64, seconds float64, err error) {
	return 0, 0, errors.ErrUnsupported
}
