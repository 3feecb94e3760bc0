package web

import (
	"errors"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

func TestParse(t *testing.T) {
	for name, want := range map[string][2]string{
		"https://h": {"https://h/", ""}, "https://h/": {"https://h/", ""}, "https://h/m": {"https://h/", "m"}, "https://h/a/m/": {"https://h/a/m/", ""},
		"https://h/a%2Fb/m%20x": {"https://h/a%2Fb/", "m x"}, "http://localhost/m": {"http://localhost/", "m"}, "insecure+http://h/m": {"http://h/", "m"},
	} {
		if a, last, err := parse(name); err != nil || a.dir.String() != want[0] || last != want[1] {
			t.Errorf("%s: %v %q %v", name, a.dir, last, err)
		}
	}
	for _, name := range []string{"https://h/x%2Fmodel", "https://h/x%2F", "https://h/m?q", "https://h/m#f", "https://u:p@h/m", "http://h/m"} {
		if _, _, err := parse(name); !errors.Is(err, ranges.ErrAddress) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"https://h/m?sig=secret", "https://h/m#secret", "https://u:secret@h/m", "https://secret@h", "http://h:secret@x:y@h/a@b?secret"} {
		if _, _, err := parse(name); !errors.Is(err, ranges.ErrAddress) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
