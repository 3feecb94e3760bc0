package generate

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// EncodeFile is [Opening.Encode] of the text in a file, or of its first bytes if most is above 0.
// What the limit has no room for is not read: memory.ErrLimit.
func (o *Opening) EncodeFile(ctx context.Context, path string, most int64) ([]int, error) {
	file, n, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if most > 0 {
		n = min(n, most)
	}
	if n > textMemory && n > o.textRoom() { // less is a part of every plan
		return nil, o.tooLong(ctx, n, readingCost*n)
	}
	var text strings.Builder
	text.Grow(int(n))
	if _, err := io.CopyN(&text, file, n); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return o.Encode(ctx, text.String())
}
