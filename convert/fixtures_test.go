package convert

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
)

// few are the tokens that tests calibrate with which try calibration itself.
const few = 1024

// demoTokens are those of demoStatistics: enough for a window to be held out.
const demoTokens = 4096

// demoCheckpoint is the built-in model, as it was published.
func demoCheckpoint(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkpoint")
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// measured are the statistics of the built-in model, which the first test that reads them measures for all.
var measured struct {
	sync.Once
	content []byte
}

// demoStatistics is a file with the statistics of the built-in model, for tests that only read it.
func demoStatistics(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "demo.statistics")
	measured.Do(func() {
		c, err := begin(t.Context(), Job{
			Source: demoCheckpoint(t), Output: filepath.Join(t.TempDir(), "out"), Calibration: Calibration{Tokens: demoTokens, Statistics: path},
		}, false)
		if err != nil {
			t.Fatal(err)
		}
		c.end()
		if measured.content, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.WriteFile(path, measured.content, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// story is a text to calibrate with.
func story(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "story.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("Once upon a time there was a little boat. It went to sea, and a fish said hello. ", 100)), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}
