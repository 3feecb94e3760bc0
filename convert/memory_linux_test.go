package convert

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// memoryEnv holds what a process that measures its memory is to convert.
const memoryEnv = "HELIX_TEST_CONVERT_MEMORY"

// memoryRun is a conversion in a process of its own.
type memoryRun struct {
	Source, Output string
	Memory         int64
	Options        Options
	Size           int64
	Peak           int64
}

// TestMemoryChild is that process.
func TestMemoryChild(t *testing.T) {
	text := os.Getenv(memoryEnv)
	if text == "" {
		t.Skip("runs as the child of TestMemory")
	}
	var r memoryRun
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	convertAll(t, Job{Source: r.Source, Output: r.Output, Memory: r.Memory, Options: r.Options, Size: r.Size})
	peak, ok := procmem.PeakRSS()
	if !ok {
		t.Fatal("the system does not tell the peak")
	}
	t.Logf("peak=%d", peak)
}

// TestMemory: converting stays within its memory, though one matrix alone is
// larger, and the bytes are those of any other limit.
func TestMemory(t *testing.T) {
	if testing.CoverMode() != "" || testing.Short() {
		t.Skip("takes seconds, and an instrumented program is larger")
	}
	src := filepath.Join(t.TempDir(), "m.safetensors")
	part := exactWeights(1<<20, 5)
	whole := make([]float32, 0, 48<<20)
	for range 48 {
		whole = append(whole, part...)
	}
	create(t, src, brain("large", []int{48 << 10, 1 << 10}, whole), safetensors.Float32("w", []int{1 << 10, 1 << 10}, part))
	whole = nil
	debug.FreeOSMemory()
	for _, r := range []memoryRun{
		{Memory: 80 << 20},
		{Memory: 128 << 20},
		{Memory: 128 << 20, Options: Options{Bits: 4}},
		{Memory: 128 << 20, Size: 26 << 20},
	} {
		r.Source, r.Output = src, filepath.Join(t.TempDir(), "out")
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0], "-test.run=^TestMemoryChild$", "-test.v")
		child.Env = append(os.Environ(), memoryEnv+"="+string(text))
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		_, figure, _ := strings.Cut(string(out), "peak=")
		figure, _, _ = strings.Cut(figure, "\n")
		if err := json.Unmarshal([]byte(figure), &r.Peak); err != nil || r.Peak > r.Memory {
			t.Errorf("%+v: peak %q, %v", r, figure, err)
		}
		t.Logf("within %d MiB: %d MiB", r.Memory>>20, r.Peak>>20)
	}
	job := Job{Source: src, Output: filepath.Join(t.TempDir(), "out"), Memory: 40 << 20}
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "large") {
		t.Errorf("40 MiB: %v, want ErrMemory that names the tensor", err)
	}
}
