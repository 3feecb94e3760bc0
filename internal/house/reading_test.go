package house

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestReading: the files that docs/READING.md wants to be read are there, and no more than it
// says.
func TestReading(t *testing.T) {
	h := load(t)
	docs := filepath.Join(h.root, "docs")
	text, err := os.ReadFile(filepath.Join(docs, "READING.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	files := regexp.MustCompile("(?m)^\\d\\. \\[`(.*)`\\]\\((.*)\\)").FindAllSubmatch(text, -1)
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(docs, string(f[2])))
		if err != nil || string(f[2]) != "../"+string(f[1]) {
			t.Errorf("%s: %v", f[1], err)
		}
		lines += bytes.Count(text, []byte("\n"))
	}
	if len(files) != 8 || lines > 1900 {
		t.Errorf("%d files of %d lines", len(files), lines)
	}
}
