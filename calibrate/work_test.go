package calibrate

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/filelock"
)

// TestOthersWork: a working directory in which something else lies is left as it is.
func TestOthersWork(t *testing.T) {
	model := located(t, demoModel(t))
	o := short()
	o.Work = t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(o.Work, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func() error { return Run(t.Context(), model, filepath.Join(t.TempDir(), "s"), o) }
	write("mine", "mine")
	if err := run(); err != nil {
		t.Errorf("another file: %v", err)
	}
	write(stateName, "mine")
	if err := run(); !errors.Is(err, ErrWork) {
		t.Errorf("another state: %v", err)
	}
	if string(readFile(t, filepath.Join(o.Work, stateName))) != "mine" || string(readFile(t, filepath.Join(o.Work, "mine"))) != "mine" {
		t.Error("somebody's files were changed")
	}
	os.Remove(filepath.Join(o.Work, stateName))
	l, err := filelock.Try(filepath.Join(o.Work, lockName))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(); !errors.Is(err, ErrWork) {
		t.Errorf("a locked directory: %v", err)
	}
	l.Release()
	if err := run(); err != nil {
		t.Error(err)
	}
	o.Work = filepath.Join(o.Work, "mine")
	if err := run(); !errors.Is(err, ErrWork) {
		t.Errorf("a file: %v", err)
	}
}

// TestClear: what a calibration has left is removed, and nothing of anybody's.
func TestClear(t *testing.T) {
	model := located(t, demoModel(t))
	for _, mine := range []bool{false, true} {
		dir := t.TempDir()
		o := short()
		o.Work = filepath.Join(dir, "work")
		ctx, cancel := context.WithCancel(t.Context())
		o.Progress = func(p Progress) {
			if p.Layer == 2 {
				cancel()
			}
		}
		if err := Run(ctx, model, filepath.Join(dir, "s"), o); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		file := filepath.Join(o.Work, "mine")
		if mine {
			if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Clear(o.Work); (err != nil) != mine || mine && (!errors.Is(err, ErrWork) || !strings.Contains(err.Error(), file)) {
			t.Errorf("%v", err)
		}
		if mine {
			if entries, _ := os.ReadDir(o.Work); len(entries) != 1 || string(readFile(t, file)) != "mine" {
				t.Errorf("%v is left", entries)
			}
			if err := os.WriteFile(filepath.Join(o.Work, stateName), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := Clear(o.Work); !errors.Is(err, ErrWork) {
				t.Errorf("another state: %v", err)
			}
		} else if _, err := os.Stat(o.Work); err == nil {
			t.Error("the directory is left")
		}
		if err := Clear(filepath.Join(dir, "none")); err != nil {
			t.Error(err)
		}
	}
}

// TestResume: a calibration that is ended in any layer goes on with it, whatever has become of its
// files, and the statistics are the same.
func TestResume(t *testing.T) {
	model := demoModel(t)
	want := statistics(t, model, short())
	for layer := range 6 {
		for name, damage := range map[string]func(dir string, b []byte, file string) []byte{
			"nothing":     nil,
			"torn":        func(_ string, b []byte, _ string) []byte { return b[:len(b)*9/10] },
			"bit flipped": func(_ string, b []byte, _ string) []byte { b[len(b)/2] ^= 1; return b },
		} {
			if damage != nil && layer != 3 {
				continue
			}
			dir := t.TempDir()
			path := filepath.Join(dir, "s")
			ended := errors.New("ended")
			layers := map[int]bool{}
			run := func(until int) error {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				o := short()
				calls := 0
				o.Progress = func(p Progress) {
					layers[p.Layer] = true
					if calls++; p.Layer == until && calls > 1 {
						cancel(ended)
					}
				}
				return Run(ctx, located(t, model), path, o)
			}
			if err := run(layer); layer < 5 && !errors.Is(err, ended) {
				t.Fatalf("%v", err)
			}
			if layer == 5 {
				continue
			}
			if _, err := os.Stat(path); err == nil {
				t.Fatal("statistics are there before they are whole")
			}
			left, _ := filepath.Glob(filepath.Join(dir, ".s.calibration", "*"))
			more, _ := filepath.Glob(filepath.Join(dir, ".s.calibration", ".*"))
			left = append(left, more...)
			if (len(left) > 0) != (layer > 0) {
				t.Errorf("layer %d: %v is left", layer, left)
			}
			for _, file := range left {
				if damage != nil {
					if err := os.WriteFile(file, damage(dir, readFile(t, file), file), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			layers = map[int]bool{}
			if err := run(-1); err != nil {
				t.Fatalf("layer %d, %s: %v", layer, name, err)
			}
			if !bytes.Equal(readFile(t, path), want) {
				t.Errorf("layer %d, %s: other statistics", layer, name)
			}
			if damage == nil && layer > 0 && layers[layer-1] {
				t.Errorf("layer %d was run again", layer-1)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("%v is left", entries)
			}
		}
	}
}

// TestOtherModel: statistics are those of one model.
func TestOtherModel(t *testing.T) {
	model := demoModel(t)
	s := opened(t, statistics(t, model, short()))
	config := readFile(t, filepath.Join(model, "config.json"))
	changed := bytes.Replace(config, []byte("10000.0"), []byte("20000.0"), 1)
	if err := os.WriteFile(filepath.Join(model, "config.json"), changed, 0o600); err != nil || bytes.Equal(config, changed) {
		t.Fatal(err)
	}
	if err := s.Check(t.Context(), located(t, model)); !errors.Is(err, ErrSource) {
		t.Errorf("%v", err)
	}
}
