package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// places are what Go's settings say of where modules come from and where they and what was compiled are kept, by the
// environment or "go env -w". go.sum has the modules' hashes, so no byte of a package depends on them.
var places = []string{
	"GOPATH", "GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH",
}

// environment returns the variables with which go commands give the same bytes for everybody: of Go's own only the places; no
// file of "go env -w", workspace, other toolchain or C compiler. Those that tell of the platform come with each command.
func environment(ctx context.Context) ([]string, error) {
	out, err := output(exec.CommandContext(ctx, "go", append([]string{"env", "-json"}, places...)...))
	if err != nil {
		return nil, err
	}
	var said map[string]string
	if err := json.Unmarshal(out, &said); err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(os.Environ(), func(v string) bool {
		v = strings.ToUpper(v) // some systems don't tell the cases apart
		return strings.HasPrefix(v, "GO") || strings.HasPrefix(v, "CGO_")
	})
	for _, name := range places {
		list = append(list, name+"="+said[name])
	}
	return append(list, "GOENV=off", "GOWORK=off", "GOTOOLCHAIN=local", "GOFLAGS=-trimpath", "CGO_ENABLED=0"), nil
}

// goCommand is the go command for a platform, whose oldest processors it compiles for.
func (s *source) goCommand(ctx context.Context, p platform, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir = s.root
	c.Env = slices.Concat(s.environment, []string{"GOOS=" + p.os, "GOARCH=" + p.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off"})
	return c
}
