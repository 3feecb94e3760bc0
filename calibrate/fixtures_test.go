package calibrate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/calibrate/text"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/memory"
)

func located(t testing.TB, path string) checkpoint.Location {
	t.Helper()
	at, err := checkpoint.Find(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// demoModel is the built-in model, in a directory of its own.
func demoModel(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "demo")
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// story is a text of about so many tokens of the built-in model.
func story(tokens int) []text.Section {
	var b strings.Builder
	for i := 0; b.Len() < 5*tokens; i++ {
		fmt.Fprintf(&b, "Once upon a time, %d little birds lived in a tree. One day they saw a %s cat and said: \"Hello, will you play with us?\"\n", i*i%97,
			[]string{"big", "sad", "red", "funny"}[i%4])
	}
	return []text.Section{{Text: b.String()}}
}

// short are options for a quick calibration of the built-in model: 16 windows, two held out.
func short() Options { return Options{Text: story(1200), Tokens: 1024, Context: 64} }

// statistics calibrates the model at path and returns the file's bytes.
func statistics(t testing.TB, model string, o Options) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "statistics")
	if err := Run(t.Context(), located(t, model), path, o); err != nil {
		t.Fatal(err)
	}
	return readFile(t, path)
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// opened opens statistics in memory.
func opened(t testing.TB, file []byte) *Statistics {
	t.Helper()
	s, err := newStatistics(t.Context(), bytes.NewReader(file), int64(len(file)), "statistics")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// least is the limit that an error names.
func least(t *testing.T, err error) int64 {
	t.Helper()
	_, text, _ := strings.Cut(err.Error(), "at least ")
	text, _, _ = strings.Cut(text, " would")
	n, parseErr := memory.ParseSize(text)
	if parseErr != nil {
		t.Fatalf("%v: %v", err, parseErr)
	}
	return n
}
