package main

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// flips damages one file after another of model directories, every kind of file as
// often as any other: a bit, a byte, a lost or an added one. Running the model must end
// in an error that names the file.
func flips(ctx context.Context, a *arena, n int) error {
	dirs := []string{"demo/model", "lossless", "outliers", "gguf", "lattice"}
	for _, args := range [][]string{
		{"convert", "demo/checkpoint", "-o", "lossless", "-q", "--method", "lossless"},
		{"convert", "demo/checkpoint", "-o", "outliers", "-q", "--method", "uniform", "--entries", "16"},
		{"convert", "demo/checkpoint", "-o", "lattice", "-q", "--calibrate-tokens", "1024"},
		{"export", "demo/model", "-o", "demo.gguf"},
		{"convert", "demo.gguf", "-o", "gguf", "-q", "--no-calibrate"},
	} {
		if err := a.must(ctx, args...); err != nil {
			return err
		}
	}
	for _, dir := range dirs {
		if err := a.must(ctx, tell(dir)...); err != nil {
			return err
		}
	}
	for try := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		dir := dirs[try%len(dirs)]
		entries, err := os.ReadDir(a.path(dir))
		if err != nil {
			return err
		}
		name := entries[a.random.IntN(len(entries))].Name()
		if err := a.flip(ctx, dir, name); err != nil {
			return err
		}
	}
	return nil
}

// tell is the run that must notice.
func tell(dir string) []string {
	return []string{"run", dir, "Once upon a time", "-n", "4", "--temp", "0"}
}

// flip damages a file, runs the model, and mends the file.
func (a *arena) flip(ctx context.Context, dir, name string) error {
	path := a.path(dir, name)
	sound, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	damaged, what := a.damage(sound)
	if err := os.WriteFile(path, damaged, 0o666); err != nil {
		return err
	}
	o, err := a.try(ctx, "", tell(dir)...)
	if err != nil {
		return err
	}
	switch {
	case o.code == 0:
		a.finding("%s/%s: %s: not noticed", dir, name, what)
	case !o.graceful():
		a.finding("%s/%s: %s: exit code %d: %s", dir, name, what, o.code, o.stderr)
	case !strings.Contains(o.stderr, name):
		a.finding("%s/%s: %s: the file is not named: %s", dir, name, what, o.line())
	}
	return os.WriteFile(path, sound, 0o666)
}

// damage returns a changed copy and says what was changed.
func (a *arena) damage(sound []byte) (damaged []byte, what string) {
	damaged = append([]byte(nil), sound...)
	i := a.random.IntN(len(sound))
	switch a.random.IntN(8) {
	case 0:
		return damaged[:len(damaged)-1], "the last byte lost"
	case 1:
		return append(damaged, byte(a.random.IntN(256))), "a byte added"
	case 2:
		b := byte(1 + a.random.IntN(255))
		damaged[i] ^= b
		return damaged, fmt.Sprintf("byte %d ^ %#02x", i, b)
	}
	bit := a.random.IntN(8)
	damaged[i] ^= 1 << bit
	return damaged, fmt.Sprintf("bit %d of byte %d", bit, i)
}
