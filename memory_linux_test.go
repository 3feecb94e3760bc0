//go:build !race

package helix_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/memory"
)

// TestPeakOfAService builds a program of somebody else's, which imports nothing but public
// packages, and runs it under limits, the smallest included: seen from outside, it never
// holds more, and its answers are the same.
func TestPeakOfAService(t *testing.T) {
	if testing.Short() || testing.CoverMode() != "" {
		t.Skip("it takes some seconds; an instrumented program is larger")
	}
	program, model := filepath.Join(t.TempDir(), "service"), filepath.Join(t.TempDir(), "model")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/service").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := helix.Convert(t.Context(), deep(t, checkpoint(t), 64), model, helix.Options{Method: "kmeans"}); err != nil {
		t.Fatal(err)
	}
	free, want := service{program: program, model: model, sequences: 1, threads: 2}.run(t, 0)
	for _, c := range []struct {
		sequences, threads int
		own, more          int64 // what the service needs; what there is beyond the smallest limit
	}{{1, 7, 0, 0}, {1, 2, 6 << 20, 2 << 20}, {2, 2, 0, 0}} {
		s := service{program, model, c.sequences, c.threads, c.own}
		limit := s.least(t) + c.more
		t.Run(fmt.Sprintf("%d sequences, %d threads, %s", c.sequences, c.threads, memory.FormatSize(limit)), func(t *testing.T) {
			peak, answers := s.run(t, limit)
			t.Logf("peak %s, without a limit %s", memory.FormatSize(peak), memory.FormatSize(free))
			if peak > limit {
				t.Errorf("it held %d bytes, %d more than it may", peak, peak-limit)
			}
			if limit > free-1<<20 {
				t.Errorf("without a limit it holds %d bytes: one of %d is no test", free, limit)
			}
			if answers != want || answers == "" {
				t.Errorf("%s, without a limit %s", answers, want)
			}
		})
	}
}

// deep makes a copy of a checkpoint with its layers repeated, so that a limit matters.
func deep(t *testing.T, src string, layers int) string {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "deep")
	if err := os.CopyFS(dst, os.DirFS(src)); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(src, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.Replace(config, []byte(`"num_hidden_layers": 4`), fmt.Appendf(nil, `"num_hidden_layers": %d`, layers), 1)
	set, err := safetensors.Open(filepath.Join(src, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var entries []safetensors.Entry
	for _, tensor := range set.Tensors() {
		data := make([]byte, tensor.Size())
		if err := tensor.ReadRaw(t.Context(), data, 0); err != nil {
			t.Fatal(err)
		}
		e := safetensors.Entry{Name: tensor.Name, DType: tensor.DType, Shape: tensor.Shape, Data: data}
		var layer int
		if n, _ := fmt.Sscanf(tensor.Name, "model.layers.%d.", &layer); n == 0 {
			entries = append(entries, e)
			continue
		}
		for l := layer; l < layers; l += 4 {
			e.Name = strings.Replace(tensor.Name, fmt.Sprintf(".%d.", layer), fmt.Sprintf(".%d.", l), 1)
			entries = append(entries, e)
		}
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dst, "config.json"), config, 0o666),
		os.Remove(filepath.Join(dst, "model.safetensors")),
		safetensors.Create(filepath.Join(dst, "model.safetensors"), entries, nil),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dst
}

// service is how the program is run.
type service struct {
	program, model     string
	sequences, threads int
	own                int64
}

// command runs it, without a limit if that is 0.
func (s service) command(limit int64) *exec.Cmd {
	cmd := exec.Command(s.program, "-model", s.model, "-sequences", strconv.Itoa(s.sequences), "-threads", strconv.Itoa(s.threads),
		"-own", strconv.FormatInt(s.own, 10))
	if limit > 0 {
		cmd.Args = append(cmd.Args, "-memory", strconv.FormatInt(limit, 10))
	}
	return cmd
}

// least returns the limit that the program asks for when it has far too little.
func (s service) least(t *testing.T) int64 {
	t.Helper()
	out, err := s.command(1 << 20).CombinedOutput()
	m := regexp.MustCompile(`at least (\S+) would do`).FindSubmatch(out)
	if err == nil || m == nil {
		t.Fatalf("%v: %s", err, out)
	}
	least, err := memory.ParseSize(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return least
}

// run runs the program, and returns the most memory that the system says it held.
func (s service) run(t *testing.T, limit int64) (peak int64, answers string) {
	t.Helper()
	cmd := s.command(limit)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	wait, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	// What wait4 tells has the memory of the process that started it in it.
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	wait.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Skipf("the system does not tell: %s", status)
	}
	kib, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10, string(text)
}
