//go:build !race

package transformer

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// memoryRun is what a child process is asked to do, and what it answers.
type memoryRun struct {
	Dir    string
	Limit  int64
	Plan   map[string]int64
	Peak   int64
	Tokens []int
}

// memoryRunEnv holds a child's memoryRun.
const memoryRunEnv = "HELIX_TEST_MEMORY_RUN"

// memoryContext is the runs' context.
const memoryContext = 128

// TestPeakMemoryChild is the child of TestPeakMemory: a process of its own that
// runs a model as the program does.
func TestPeakMemoryChild(t *testing.T) {
	text := os.Getenv(memoryRunEnv)
	if text == "" {
		t.Skip("this is a part of TestPeakMemory")
	}
	var r memoryRun
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), r.Dir, Options{Memory: r.Limit, Context: memoryContext})
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	ids := []int{1, 80, 429, 17, 256, 33, 90, 4, 8, 100}
	for range 20 {
		err := s.Forward(t.Context(), ids, len(ids)-1, func(_ int, logits []float32) error {
			best := 0
			for i, v := range logits {
				if v > logits[best] {
					best = i
				}
			}
			ids = []int{best}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r.Tokens = append(r.Tokens, ids[0])
	}
	r.Plan = m.Plan.Totals()
	r.Peak, _ = procmem.PeakRSS()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(os.NewFile(3, "answer")).Encode(r); err != nil {
		t.Fatal(err)
	}
}

// runChild runs a model in a process of its own.
func runChild(t *testing.T, r memoryRun) memoryRun {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	child := exec.Command(os.Args[0], "-test.run=^TestPeakMemoryChild$")
	child.Env = append(os.Environ(), memoryRunEnv+"="+string(text))
	child.ExtraFiles = []*os.File{write}
	out, err := child.CombinedOutput()
	write.Close()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := json.NewDecoder(read).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPeakMemory: a process that runs a model under a limit, the smallest included,
// stays within it from its start to its end, and says the same.
func TestPeakMemory(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("an instrumented program is larger")
	}
	plain, spiked := filepath.Join(t.TempDir(), "plain"), filepath.Join(t.TempDir(), "spiked")
	if err := demo.Extract(plain); err != nil {
		t.Fatal(err)
	}
	addOutliers(t, plain, spiked)
	for _, c := range []struct {
		name, source string
		options      []string
	}{
		{"default blocks", plain, nil},
		{"blocks of 1024 rows", plain, []string{"block-rows=1024"}},
		{"sidecars", spiked, []string{"snr=50"}},
		{"4 bits", plain, []string{"method=kmeans", "entries=16"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "model")
			convertTo(t, c.source, dir, c.options...)
			converted, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			outliers := 0
			for _, m := range converted.Manifest.Tensors {
				if m.Sidecar != nil {
					outliers += m.Sidecar.Outliers
				}
			}
			if (outliers > 0) != (c.source == spiked) {
				t.Fatalf("%d outliers", outliers)
			}
			if outliers > 0 {
				testOutlierCount(t, dir)
			}
			p, err := PlanFor(t.Context(), dir, Options{Context: memoryContext})
			if err != nil {
				t.Fatal(err)
			}
			var tokens string
			for _, limit := range []int64{p.Minimum, p.Minimum + 2<<20, 64 << 20} {
				r := runChild(t, memoryRun{Dir: dir, Limit: limit})
				t.Logf("limit %6.2f MiB: peak %6.2f MiB, streamed %4.2f MiB, %d outliers", mib(limit), mib(r.Peak), mib(r.Plan["streamed"]), outliers)
				if r.Peak > limit || r.Peak == 0 {
					t.Errorf("limit %d: the peak is %d; the plan is %v", limit, r.Peak, r.Plan)
				}
				if r.Plan["streamed"] > 0 && limit == 64<<20 {
					t.Errorf("limit %d: %d bytes are streamed", limit, r.Plan["streamed"])
				}
				if got := fmt.Sprint(r.Tokens); tokens != "" && got != tokens {
					t.Errorf("limit %d: %s, not %s", limit, got, tokens)
				} else {
					tokens = got
				}
			}
		})
	}
}

// testOutlierCount: a sidecar that holds more than the manifest says, and than was
// planned, is refused; one of which the manifest says nothing is counted.
func testOutlierCount(t *testing.T, dir string) {
	t.Helper()
	s, err := openCompressed(t.Context(), located(t, dir), "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	e, err := stream.NewEngine(stream.EngineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for name, tensor := range s.m.Manifest.Tensors {
		if tensor.Sidecar == nil {
			continue
		}
		n := tensor.Sidecar.Outliers
		tensor.Sidecar.Outliers = n - 1
		if _, err := s.matrix(t.Context(), e, name); n > 1 && !errors.Is(err, model.ErrMismatch) {
			t.Errorf("%s: one outlier more than the manifest says: %v", name, err)
		}
		tensor.Sidecar.Outliers = 0
		if z, err := s.sidecarSize(t.Context(), tensor); err != nil || z.outliers != n {
			t.Errorf("%s: counted %d outliers, %v; want %d", name, z.outliers, err, n)
		}
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// addOutliers copies a bfloat16 checkpoint and makes one weight in 200 large.
func addOutliers(t *testing.T, src, dst string) {
	t.Helper()
	if err := os.Mkdir(dst, 0o777); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(src, "config.json"), filepath.Join(dst, "config.json"))
	set, err := safetensors.Open(filepath.Join(src, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var entries []safetensors.Entry
	for _, tensor := range set.Tensors() {
		data := make([]byte, tensor.Size())
		if err := tensor.ReadRaw(context.Background(), data, 0); err != nil {
			t.Fatal(err)
		}
		if len(tensor.Shape) == 2 {
			for i := 0; i < len(data); i += 2 * 200 {
				spike := float32(2) + float32(i%1009)/128
				binary.LittleEndian.PutUint16(data[i:], uint16(math.Float32bits(spike)>>16))
			}
		}
		entries = append(entries, safetensors.Entry{Name: tensor.Name, DType: tensor.DType, Shape: tensor.Shape, Data: data})
	}
	if err := safetensors.Create(filepath.Join(dst, "model.safetensors"), entries, nil); err != nil {
		t.Fatal(err)
	}
}
