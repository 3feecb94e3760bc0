package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/model"
)

// version is that of all packages: the program's own.
const version = model.Version

// command is the package that is built.
const command = "./cmd/helix-substrate"

// largestText is the most that a text of the source, such as a licence, may take.
const largestText = 1 << 20

// source is the module that packages are made of.
type source struct {
	root            string // directory
	readme, license []byte
	python          []file // the package helix_substrate, sorted
	pythonReadme    []byte
	environment     []string // of the go commands that reach the bytes
}

// program is what was built for a platform, and the licences of what it links.
type program struct {
	platform
	data, notices []byte
}

// openSource reads what packages hold beside the program, from the module of the working
// directory.
func openSource(ctx context.Context) (*source, error) {
	out, err := output(exec.CommandContext(ctx, "go", "env", "GOMOD"))
	if err != nil {
		return nil, err
	}
	s := &source{root: filepath.Dir(strings.TrimSpace(string(out)))}
	if s.environment, err = environment(ctx); err != nil {
		return nil, err
	}
	for path, text := range map[string]*[]byte{"README.md": &s.readme, "LICENSE": &s.license, "python/README.md": &s.pythonReadme} {
		if *text, err = regularfile.ReadAll(filepath.Join(s.root, path), largestText); err != nil {
			return nil, err
		}
	}
	paths, err := filepath.Glob(filepath.Join(s.root, "python", "helix_substrate", "*"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if ext := filepath.Ext(path); ext != ".py" && ext != ".typed" {
			continue // compiled, by whoever imported it from here
		}
		data, err := regularfile.ReadAll(path, largestText)
		if err != nil {
			return nil, err
		}
		s.python = append(s.python, file{"helix_substrate/" + filepath.Base(path), 0o644, data})
	}
	if len(s.python) == 0 {
		return nil, fmt.Errorf("%s: no Python package", s.root)
	}
	return s, nil
}

// build compiles the program for a platform.
func (s *source) build(ctx context.Context, p platform) (program, error) {
	dir, err := os.MkdirTemp("", "helix-release-*")
	if err != nil {
		return program{}, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, p.program())
	if _, err := output(s.goCommand(ctx, p, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, command)); err != nil {
		return program{}, err
	}
	data, err := regularfile.ReadAll(path, 1<<30)
	if err != nil {
		return program{}, err
	}
	notices, err := s.notices(ctx, p)
	return program{p, data, notices}, err
}

// output runs a command and returns what it prints; an error has what it complained of.
func output(c *exec.Cmd) ([]byte, error) {
	out, err := c.Output()
	if err == nil {
		return out, nil
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(c.Args, " "), err, exit.Stderr)
	}
	return nil, fmt.Errorf("%s: %w", strings.Join(c.Args, " "), err)
}
