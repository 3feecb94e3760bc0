package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// programVersion returns the version of this program: the module version of an
// installed binary, else the release.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return helix.Version
}

type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *versionCommand) Run(env *environment) error {
	v := programVersion()
	level, err := helix.CPULevel()
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, map[string]string{
			"version": v, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "cpu": level, "sha256": receipt.ProgramSHA256(),
		})
	}
	_, err = fmt.Fprintf(env.stdout, "helix-substrate %s (%s, %s/%s, %s kernels)\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH, level)
	return err
}
