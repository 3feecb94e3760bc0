package helix

import (
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/model"
)

// Version is this module's release.
const Version = model.Version

// CPULevel names the kernels that everything runs on here unless an engine is asked for others:
// those of HELIX_CPU, or the best that the machine has. ErrCPU is an HELIX_CPU that it does not
// have.
func CPULevel() (string, error) {
	k, err := kernel.FromEnv()
	if err != nil {
		return "", err
	}
	return string(k.Level()), nil
}
