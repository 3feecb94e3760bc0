package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// kills ends conversions by SIGKILL at random moments until they finish, beside files
// that are somebody else's: the result is the undisturbed one, nothing else is left, and
// no other file has changed. Every fourth victim is an export or a run with a receipt,
// after which a file is there whole or not at all.
func kills(ctx context.Context, a *arena, n int) error {
	if err := a.must(ctx, "export", "demo/model", "-o", "whole.gguf"); err != nil {
		return err
	}
	// One that calibrates is stopped in a layer as well as in a tensor.
	conversions := []struct {
		args    []string
		whole   string
		longest time.Duration
	}{{args: []string{"--no-calibrate"}, whole: "whole"}, {args: []string{"--calibrate-tokens", "1024"}, whole: "calibrated"}}
	for i := range conversions {
		v := &conversions[i]
		start := time.Now()
		if err := a.must(ctx, append([]string{"convert", "demo/checkpoint", "-o", v.whole, "-q"}, v.args...)...); err != nil {
			return err
		}
		v.longest = time.Since(start)
	}
	for done := 0; done < n; {
		if err := ctx.Err(); err != nil {
			return err
		}
		place := a.path(fmt.Sprintf("kill%d", done))
		if err := neighbours(place); err != nil {
			return err
		}
		if a.random.IntN(4) == 0 {
			killed, err := a.kill(conversions[0].longest, "export", "demo/model", "-o", filepath.Join(place, "out.gguf"))
			if err != nil {
				return err
			}
			if killed {
				done++
			}
			a.wholeOrAbsent(filepath.Join(place, "out.gguf"), a.path("whole.gguf"))
		} else {
			v := conversions[a.random.IntN(len(conversions))]
			for {
				longest := v.longest
				if done >= n { // enough: it ends, however slow the machine has become
					longest = time.Hour
				}
				killed, err := a.kill(longest, append([]string{"convert", "demo/checkpoint", "-o", filepath.Join(place, "out"), "-q"}, v.args...)...)
				if err != nil {
					return err
				}
				if !killed {
					break
				}
				done++
			}
			a.sameTree(filepath.Join(place, "out"), a.path(v.whole))
		}
		a.checkNeighbours(place)
		if err := os.RemoveAll(place); err != nil {
			return err
		}
	}
	return nil
}

// kill runs the program and kills it after a random part of longest, unless it ends
// before; a failure of its own is an error.
func (a *arena) kill(longest time.Duration, args ...string) (killed bool, err error) {
	cmd := exec.Command(a.binary, args...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = a.dir, &stderr
	if err := cmd.Start(); err != nil {
		return false, err
	}
	timer := time.AfterFunc(time.Duration(a.random.Int64N(int64(longest))), func() { cmd.Process.Kill() })
	defer timer.Stop()
	err = cmd.Wait()
	switch code := cmd.ProcessState.ExitCode(); {
	case code == 0, strings.Contains(stderr.String(), "output exists"): // the one before was killed when all was done
		return false, nil
	case code == -1:
		return true, nil
	default:
		return false, fmt.Errorf("%v: exit code %d: %s", args, code, &stderr)
	}
}

// foreign are files that no verb may touch, by their paths in a place.
var foreign = map[string]string{
	"journal.jsonl":        "my diary\n",
	"thesis.txt":           "thesis\n",
	".other.partial/notes": "notes\n",
	"photos/summer.jpg":    "a photo\n",
}

func neighbours(place string) error {
	for name, text := range foreign {
		path := filepath.Join(place, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

func (a *arena) checkNeighbours(place string) {
	for name, want := range foreign {
		if got, err := os.ReadFile(filepath.Join(place, name)); err != nil || string(got) != want {
			a.finding("%s was changed: %q, %v", name, got, err)
		}
	}
}

// wholeOrAbsent compares a file that may be there with what it must be then.
func (a *arena) wholeOrAbsent(path, want string) {
	got, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return
	}
	right, wantErr := os.ReadFile(want)
	if err != nil || wantErr != nil || !bytes.Equal(got, right) {
		a.finding("%s is not whole: %d bytes, not %d", path, len(got), len(right))
	}
}

// sameTree compares the files of two directories.
func (a *arena) sameTree(got, want string) {
	files := func(dir string) map[string]string {
		list := map[string]string{}
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			name, _ := filepath.Rel(dir, path)
			list[name] = string(text)
			return err
		})
		return list
	}
	g, w := files(got), files(want)
	for name, text := range w {
		if g[name] != text {
			a.finding("%s: %s differs from the undisturbed conversion's", got, name)
		}
	}
	for name := range g {
		if _, ok := w[name]; !ok {
			a.finding("%s: %s does not belong there", got, name)
		}
	}
}
