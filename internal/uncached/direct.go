package uncached

import "errors"

// Unit is what places in a file, lengths and addresses are multiples of for a [Queue].
const Unit = 4096

// ErrUnsupported reports a file or a system without reading past the page cache in this way.
var ErrUnsupported = errors.New("no direct reading")

// Done is a read that has ended.
type Done struct {
	Tag uint64
	N   int // bytes that were read, fewer than asked for where the file ends before
	Err error
}
