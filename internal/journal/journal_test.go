package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

type line struct {
	Begin string `json:"begin,omitempty"`
	N     int    `json:"n,omitempty"`
}

// TestLines: what is appended is read again; no beginning and no change of a line is one.
func TestLines(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range 3 {
		if err := Append(f, line{"x", i + 1}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, l := range lines {
		var got line
		if !Decode(l, &got) || got != (line{"x", i + 1}) {
			t.Errorf("line %d is %v", i, got)
		}
		for n := range l {
			if Decode(l[:n], &line{}) {
				t.Errorf("%d bytes of line %d are one", n, i)
			}
			changed := bytes.Clone(l)
			changed[n] ^= 1
			if Decode(changed, &line{}) {
				t.Errorf("line %d with byte %d changed is one", i, n)
			}
		}
	}
}

// TestTorn: every beginning of a first line may be one that was cut short, and nothing else.
func TestTorn(t *testing.T) {
	text, err := Encode(line{Begin: "a journal"})
	if err != nil {
		t.Fatal(err)
	}
	const begin = `{"begin":"a journal"`
	for n := range text {
		if !Torn(text[:n], begin) {
			t.Errorf("%d bytes are not", n)
		}
	}
	for _, other := range []string{string(text), "mine", "0123 mine", string(text[:65]) + `{"begin":"b`, string(text[:40]) + "\n"} {
		if Torn([]byte(other), begin) {
			t.Errorf("%q is", other)
		}
	}
}
