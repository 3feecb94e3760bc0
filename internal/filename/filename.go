// Package filename tells which names, as servers and manifests have them, are safe to make files of:
// the same on every system, so that a model has the same files everywhere.
package filename

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrUnsafe reports a file name that is not safe to store.
var ErrUnsafe = errors.New("unsafe file name")

// Check reports what makes a slash-separated path unfit as a relative path on any system: ErrUnsafe.
func Check(path string) error {
	const longest, deepest = 1024, 32
	if len(path) > longest || !utf8.ValidString(path) {
		return fmt.Errorf("%s: %w: too long or not UTF-8", Quote(path), ErrUnsafe)
	}
	if strings.Count(path, "/") >= deepest {
		return fmt.Errorf("%s: %w: in more than %d folders", Quote(path), ErrUnsafe, deepest-1)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if reason := unfit(segment); reason != "" {
			return fmt.Errorf("%s: %w: %s", Quote(path), ErrUnsafe, reason)
		}
	}
	return nil
}

// CheckAll is Check of each of some paths, of which also no two may be one file, nor one a folder of another, where names
// differ by more than case and the way in which letters are composed.
func CheckAll(paths []string) error {
	seen := make(map[string]bool, len(paths)) // whether it is a file; else a folder
	for _, path := range paths {
		if err := Check(path); err != nil {
			return err
		}
		same := strings.ToLower(strings.ToUpper(norm.NFC.String(path)))
		if _, twice := seen[same]; twice {
			return fmt.Errorf("%s: %w: another has the same name, but for case, or lies below it", Quote(path), ErrUnsafe)
		}
		seen[same] = true
		for i := strings.LastIndexByte(same, '/'); i >= 0; i = strings.LastIndexByte(same[:i], '/') {
			if seen[same[:i]] {
				return fmt.Errorf("%s: %w: its folder is another file", Quote(path), ErrUnsafe)
			}
			seen[same[:i]] = false
		}
	}
	return nil
}

func unfit(segment string) string {
	const longest = 255
	switch {
	case segment == "" || segment == "." || segment == "..":
		return "not a plain relative path"
	case len(segment) > longest:
		return "a part is longer than 255 bytes"
	case strings.ContainsAny(segment, `\:`): // others that Windows has no files with are refused by it
		return "backslash or colon"
	case strings.IndexFunc(segment, unicode.IsControl) >= 0:
		return "control character"
	case strings.HasSuffix(segment, ".") || strings.HasSuffix(segment, " "):
		return "Windows drops a final dot or space"
	case windowsDevice(segment):
		return "a device on Windows"
	}
	return ""
}

// windowsDevice says whether Windows opens a device under this name; older
// versions ignore what follows the first dot.
func windowsDevice(segment string) bool {
	base, _, _ := strings.Cut(segment, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	digit, port := strings.CutPrefix(base, "COM")
	if !port {
		digit, port = strings.CutPrefix(base, "LPT")
	}
	return port && utf8.RuneCountInString(digit) == 1 && strings.Contains("0123456789¹²³", digit)
}

// Quote makes a name, or other text from elsewhere, fit for one line of an error.
func Quote(s string) string {
	const longest = 120
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
