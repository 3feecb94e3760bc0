package convert

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
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

// halfCheckpoint is the built-in model without its last two layers of four, for tests that convert it again and again.
func halfCheckpoint(t *testing.T) string {
	t.Helper()
	dir := demoCheckpoint(t)
	path, config := filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "config.json")
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept []safetensors.Entry
	for _, tensor := range f.Tensors() {
		if strings.Contains(tensor.Name, "layers.2.") || strings.Contains(tensor.Name, "layers.3.") {
			continue
		}
		e := safetensors.Entry{Name: tensor.Name, DType: tensor.DType, Shape: tensor.Shape, Data: make([]byte, tensor.Size())}
		if err := tensor.ReadRaw(t.Context(), e.Data, 0); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, e)
	}
	text, err := os.ReadFile(config)
	if err = errors.Join(err, f.Close(), os.Remove(path), safetensors.Create(path, kept, nil)); err == nil {
		err = os.WriteFile(config, bytes.Replace(text, []byte(`"num_hidden_layers": 4`), []byte(`"num_hidden_layers": 2`), 1), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// measured are statistics of a model, which the first test that reads them measures for all.
type measured struct {
	sync.Once
	content []byte
}

var measuredDemo, measuredHalf measured

// demoStatistics is a file with the statistics of the built-in model, for tests that only read it; halfStatistics of halfCheckpoint.
func demoStatistics(t *testing.T) string { return measuredDemo.file(t, demoCheckpoint) }
func halfStatistics(t *testing.T) string { return measuredHalf.file(t, halfCheckpoint) }

func (m *measured) file(t *testing.T, source func(t *testing.T) string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "statistics")
	m.Do(func() {
		c, err := begin(t.Context(), Job{
			Source: source(t), Output: filepath.Join(t.TempDir(), "out"), Calibration: Calibration{Tokens: demoTokens, Statistics: path},
		}, false)
		if err != nil {
			t.Fatal(err)
		}
		c.end()
		if m.content, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.WriteFile(path, m.content, 0o666); err != nil {
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
