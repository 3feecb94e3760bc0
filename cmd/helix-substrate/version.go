package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/model"
)

// programVersion returns the version of this program: the module version of an
// installed binary, else the release.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return model.Version
}

type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *versionCommand) Run(env *environment) error {
	v := programVersion()
	k, err := kernel.FromEnv()
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, map[string]string{
			"version": v, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "cpu": string(k.Level()),
		})
	}
	_, err = fmt.Fprintf(env.stdout, "helix-substrate %s (%s, %s/%s, %s kernels)\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH, k.Level())
	return err
}
