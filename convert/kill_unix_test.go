//go:build unix

package convert

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// killedEnv holds the source of a process to be killed; its output is beside it.
const killedEnv = "HELIX_TEST_KILLED_OUTPUT"

// TestKilledChild is that process.
func TestKilledChild(t *testing.T) {
	output := os.Getenv(killedEnv)
	if output == "" {
		t.Skip("runs as the child of TestKill")
	}
	// One that is finished may have been killed just before it could say so.
	if _, err := Directory(t.Context(), killedJob(output)); err != nil && !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
}

func killedJob(output string) Job {
	dir := filepath.Dir(filepath.Dir(output))
	if statistics := filepath.Join(dir, "statistics"); isThere(statistics) {
		return Job{Source: filepath.Join(dir, "checkpoint"), Output: output, ModelID: "m", CorrectDrift: true, Calibration: Calibration{Statistics: statistics}}
	}
	if source := filepath.Join(dir, "checkpoint"); isThere(source) {
		return Job{Source: source, Output: output, ModelID: "m", Calibration: Calibration{Tokens: few}}
	}
	return Job{Source: filepath.Join(dir, "model.safetensors"), Output: output, ModelID: "m"}
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestKill kills a conversion, by SIGKILL at random moments, again and again until
// it finishes; the result is that of an undisturbed one, and nothing else is left.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills twenty processes")
	}
	var entries []safetensors.Entry
	for i := range 24 {
		entries = append(entries, safetensors.Float32(string(rune('a'+i))+".weight", []int{300 + i, 200}, gaussian((300+i)*200, uint64(i))))
	}
	dir := t.TempDir()
	create(t, filepath.Join(dir, "model.safetensors"), entries...)
	killUntilDone(t, dir, 20)
}

// TestKillCalibrated does so with a conversion that calibrates, a layer after the other, before it
// comes to the tensors.
func TestKillCalibrated(t *testing.T) {
	if testing.Short() {
		t.Skip("kills twenty processes")
	}
	dir := t.TempDir()
	if err := demo.Extract(filepath.Join(dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	killUntilDone(t, dir, 20)
}

// TestKillCorrectingDrift does so with a conversion whose matrices depend on those before them.
func TestKillCorrectingDrift(t *testing.T) {
	if testing.Short() {
		t.Skip("kills twelve processes")
	}
	dir := t.TempDir()
	if err := demo.Extract(filepath.Join(dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	job := Job{Source: filepath.Join(dir, "checkpoint"), Output: filepath.Join(dir, "out"), Calibration: Calibration{Tokens: few, Statistics: filepath.Join(dir, "statistics")}}
	c, err := begin(t.Context(), job, false)
	if err != nil {
		t.Fatal(err)
	}
	c.end()
	killUntilDone(t, dir, 12)
}

// killUntilDone kills conversions in dir so many times.
func killUntilDone(t *testing.T, dir string, wanted int) {
	t.Helper()
	whole := filepath.Join(dir, "0", "whole")
	if err := os.Mkdir(filepath.Dir(whole), 0o777); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	convertAll(t, killedJob(whole))
	longest := time.Since(start)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for kills := 0; kills < wanted; {
		parent, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		output := filepath.Join(parent, "out")
		for {
			child := exec.Command(os.Args[0], "-test.run=^TestKilledChild$")
			child.Env = append(os.Environ(), killedEnv+"="+output)
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			after := time.Duration(random.Int64N(int64(longest)))
			if kills >= wanted { // the last one ends, however slow the machine has become
				after = time.Hour
			}
			timer := time.AfterFunc(after, func() { child.Process.Kill() })
			err := child.Wait()
			timer.Stop()
			if err == nil {
				break
			}
			if child.ProcessState.ExitCode() != -1 { // not by a signal
				t.Fatalf("the conversion failed: %v", err)
			}
			kills++
		}
		onlyIn(t, parent, "out")
		sameContents(t, output, whole)
	}
}
