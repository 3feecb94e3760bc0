//go:build unix

package convert

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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
		return correctingJob(output, statistics)
	}
	if source := filepath.Join(dir, "checkpoint"); isThere(source) {
		return Job{Source: source, Output: output, ModelID: "m", Calibration: Calibration{Tokens: few}}
	}
	return Job{Source: filepath.Join(dir, "model.safetensors"), Output: output, ModelID: "m"}
}

// stepsEnv holds after how many steps a process that corrects drift kills itself.
const stepsEnv = "HELIX_TEST_KILLED_STEPS"

// correctingJob corrects drift and, where stepsEnv says so, ends its process about then: a step is the beginning of a layer, or a
// tensor that is done.
func correctingJob(output, statistics string) Job {
	job := Job{
		Source: filepath.Join(filepath.Dir(statistics), "checkpoint"), Output: output, ModelID: "m", Options: Options{Bits: 3},
		Allocate: EqualRate, CorrectDrift: true, Calibration: Calibration{Statistics: statistics},
	}
	steps, begun := 0, false
	last, err := strconv.Atoi(os.Getenv(stepsEnv))
	job.Progress = func(_, _ int64, what string) {
		if begun = begun || strings.HasPrefix(what, "correcting drift"); begun && err == nil {
			if steps++; steps == last {
				time.AfterFunc(time.Duration(rand.IntN(50))*time.Millisecond, func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) })
			}
		}
	}
	return job
}

// TestKillCorrectingDrift kills a conversion whose matrices depend on those before them, at random moments after every step or
// two: each goes on where the one before it was.
func TestKillCorrectingDrift(t *testing.T) {
	if testing.Short() {
		t.Skip("kills twelve processes")
	}
	dir := t.TempDir()
	if err := os.Rename(halfCheckpoint(t), filepath.Join(dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	c, err := begin(t.Context(), Job{
		Source: filepath.Join(dir, "checkpoint"), Output: filepath.Join(dir, "out"), Calibration: Calibration{Tokens: few, Statistics: filepath.Join(dir, "statistics")},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	c.end()
	whole := filepath.Join(dir, "whole", "out")
	if err := os.Mkdir(filepath.Dir(whole), 0o777); err != nil {
		t.Fatal(err)
	}
	convertAll(t, killedJob(whole))
	const wanted = 12
	for kills := 0; kills < wanted; {
		parent, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		output := filepath.Join(parent, "out")
		for {
			child := exec.Command(os.Args[0], "-test.run=^TestKilledChild$")
			child.Env = append(os.Environ(), killedEnv+"="+output, stepsEnv+"="+strconv.Itoa(2+kills%2))
			err := child.Run()
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
	killUntilDone(t, dir)
}

// TestKillCalibrated does so with a conversion that calibrates, a layer after the other, before it
// comes to the tensors.
func TestKillCalibrated(t *testing.T) {
	if testing.Short() {
		t.Skip("kills twenty processes")
	}
	dir := t.TempDir()
	if err := os.Rename(halfCheckpoint(t), filepath.Join(dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	killUntilDone(t, dir)
}

// killUntilDone kills conversions in dir twenty times.
func killUntilDone(t *testing.T, dir string) {
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
	const wanted = 20
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
