//go:build !linux

package bench

import (
	"context"
	"errors"
)

// readDirect is not offered here.
func readDirect(context.Context, []string, int) (bytes int64, seconds float64, err error) {
	return 0, 0, errors.ErrUnsupported
}
