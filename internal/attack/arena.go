package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/procmem"
)

// arena is where attacks take place: the program, a folder, and random numbers that
// the seed fixes.
type arena struct {
	binary   string
	dir      string // holds demo/checkpoint and demo/model
	random   *rand.Rand
	findings int
	slowest  time.Duration // of the runs
	largest  int64         // peak memory of one, in bytes
}

// newArena builds the program, unless binary names one, and the demo's model.
func newArena(ctx context.Context, binary string, seed uint64) (*arena, error) {
	dir, err := os.MkdirTemp("", "helix-attack-*")
	if err != nil {
		return nil, err
	}
	a := &arena{binary: binary, dir: dir, random: rand.New(rand.NewPCG(seed, 0))}
	if binary == "" {
		a.binary = filepath.Join(dir, "helix-substrate")
		build := exec.CommandContext(ctx, "go", "build", "-o", a.binary, "github.com/helix-substrate/helix-substrate/cmd/helix-substrate")
		if out, err := build.CombinedOutput(); err != nil {
			a.close()
			return nil, fmt.Errorf("build: %w: %s", err, out)
		}
	} else if a.binary, err = filepath.Abs(binary); err != nil {
		a.close()
		return nil, err
	}
	if err := a.must(ctx, "demo", "-o", "demo"); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *arena) close() { os.RemoveAll(a.dir) }

// path returns a path in the arena.
func (a *arena) path(parts ...string) string {
	return filepath.Join(append([]string{a.dir}, parts...)...)
}

// finding prints what got through.
func (a *arena) finding(format string, args ...any) {
	a.findings++
	fmt.Printf("got through: "+format+"\n", args...)
}

// outcome is how a run of the program ended.
type outcome struct {
	code           int // -1: by a signal
	stdout, stderr string
	took, cpu      time.Duration // of the clock, of the processors
	peak           int64         // bytes, as the system counted them
}

// line is the last line of what the program said of an error.
func (o *outcome) line() string {
	lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
	return lines[len(lines)-1]
}

// patience is how long a run may last before it counts as one that hangs.
const patience = 60 * time.Second

// try runs the program in the arena's folder.
func (a *arena) try(ctx context.Context, stdin string, args ...string) (*outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, a.binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = a.dir, strings.NewReader(stdin), &stdout, &stderr
	// What this process holds, and held since its peak was reset, counts as the other's.
	debug.FreeOSMemory()
	procmem.ResetPeak()
	start := time.Now()
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return nil, err
	}
	o := &outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(), took: time.Since(start),
		cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	o.peak = peak(cmd.ProcessState)
	a.slowest, a.largest = max(a.slowest, o.took), max(a.largest, o.peak)
	return o, nil
}

// must runs the program and wants success.
func (a *arena) must(ctx context.Context, args ...string) error {
	o, err := a.try(ctx, "", args...)
	if err == nil && o.code != 0 {
		err = fmt.Errorf("%s: exit code %d: %s", strings.Join(args, " "), o.code, o.stderr)
	}
	return err
}

// graceful tells whether a failed run ended as it should: with exit code 1 or 2 and an
// error of its own, not a stack trace.
func (o *outcome) graceful() bool {
	return (o.code == 1 || o.code == 2) && strings.HasPrefix(o.line(), "helix-substrate: ") &&
		!strings.Contains(o.stderr, "goroutine ") && !strings.Contains(o.stderr, "panic")
}
