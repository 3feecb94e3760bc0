package chain

import (
	"fmt"
	"iter"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// Entries are the entries of the log at path, in order, as they lie in the file: whether they are what was appended is
// [Verify]'s to say. Each is valid until the next. An error, the last that comes, has a nil entry.
func Entries(path string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, _, err := regularfile.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		s := newScanner(f)
		for s.next() {
			if !yield(s.line, nil) {
				return
			}
		}
		if s.err != nil {
			yield(nil, fmt.Errorf("%s: %w", path, s.err))
		}
	}
}
