package ranges

import (
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/helix-substrate/helix-substrate/internal/filename"
)

// Part is what an answer has of a content.
type Part struct {
	Start int64 // where its body begins
	Total int64 // bytes of the whole content; -1 where the server does not tell
	Whole bool  // it is the whole content
}

// LargestContent is the most bytes that a content may have: sums of offsets do not overflow.
const LargestContent = 1 << 50

// Header returns the header of a request for bytes [from, to).
func Header(from, to int64) http.Header {
	return http.Header{"Accept-Encoding": {"identity"}, "Range": {fmt.Sprintf("bytes=%d-%d", from, to-1)}}
}

// ReadPart tells what an answer, 200 or 206, to a request for bytes [from, to) has. Another
// part than that, one of more than LargestContent, or one that is encoded, is ErrResponse.
func ReadPart(a *http.Response, from, to int64) (Part, error) {
	if encoding := a.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return Part{}, fmt.Errorf("%w: content is encoded as %s", ErrResponse, filename.Quote(encoding))
	}
	if a.StatusCode == http.StatusOK {
		return Part{0, a.ContentLength, true}, nil
	}
	first, last, total, ok := parseContentRange(a.Header.Get("Content-Range"))
	if !ok || first != from || last >= to || a.ContentLength >= 0 && a.ContentLength != last-first+1 {
		return Part{}, fmt.Errorf("%w: asked for bytes %d-%d, got %s", ErrResponse, from, to-1, filename.Quote(a.Header.Get("Content-Range")))
	}
	if total > LargestContent {
		return Part{}, fmt.Errorf("%w: a content of %d bytes", ErrResponse, total)
	}
	return Part{from, total, first == 0 && last == total-1}, nil
}

// parseContentRange reads "bytes 0-99/1234" (RFC 9110, 14.4). Totals that are not
// told ("*") are not ok.
func parseContentRange(s string) (first, last, total int64, ok bool) {
	s, bytes := strings.CutPrefix(strings.TrimSpace(s), "bytes ")
	span, size, slash := strings.Cut(s, "/")
	a, b, dash := strings.Cut(span, "-")
	if !bytes || !slash || !dash {
		return 0, 0, 0, false
	}
	var numbers [3]int64
	for i, text := range []string{a, b, size} {
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return 0, 0, 0, false
		}
		numbers[i] = int64(n)
	}
	first, last, total = numbers[0], numbers[1], numbers[2]
	return first, last, total, first <= last && last < total
}

// PlainETag takes the quotes and the weakness mark off an entity tag.
func PlainETag(tag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
}

// CheckName refuses names that could mean something else than a file of the directory or of a
// folder in it, whatever the server makes of them: fs.ErrInvalid.
func CheckName(name string) error {
	const longest = 1024
	if !fs.ValidPath(name) || name == "." || len(name) > longest || strings.Contains(name, `\`) || strings.IndexFunc(name, unicode.IsControl) >= 0 {
		return fmt.Errorf("%s: a file name that is not asked for: %w", filename.Quote(name), fs.ErrInvalid)
	}
	return nil
}
