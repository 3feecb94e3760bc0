package convert

import (
	"fmt"
	"strings"
)

// fileNames gives each tensor a file name that no other one has, on
// case-insensitive file systems too.
type fileNames map[string]bool

// matrix returns the name of a compressed matrix's file, without its ending: the
// tensor's name with '.' and '/' replaced by '_'.
func (n fileNames) matrix(tensor string) string {
	return n.unique(sanitize(tensor, false))
}

// exact returns the name of an exact tensor's file, without its ending: the
// tensor's name, dots included.
func (n fileNames) exact(tensor string) string {
	return n.unique(sanitize(tensor, true))
}

func (n fileNames) unique(name string) string {
	candidate := name
	for i := 2; n[strings.ToLower(candidate)]; i++ {
		candidate = fmt.Sprintf("%s_%d", name, i)
	}
	n[strings.ToLower(candidate)] = true
	return candidate
}

func sanitize(tensor string, dots bool) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		case r == '.' && dots:
			return r
		}
		return '_'
	}, tensor)
	if name == "" || strings.HasPrefix(name, ".") {
		name = "_" + name
	}
	if len(name) > 200 { // leaves room for endings below the usual limit of 255
		name = name[:200]
	}
	return name
}
