//go:build !linux && !darwin && !windows

package freespace

import "errors"

// At cannot tell here.
func At(string) (int64, error) { return 0, errors.ErrUnsupported }
