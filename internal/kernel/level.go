package kernel

import (
	"errors"
	"fmt"
	"os"
)

// Level names a set of CPU features that a set of kernels needs.
type Level string

const (
	Generic Level = "generic" // portable Go
	AVX2    Level = "avx2"    // amd64: AVX2, FMA, F16C
	AVX512  Level = "avx512"  // amd64: AVX-512 F, BW, DQ, VL
	VBMI    Level = "vbmi"    // amd64: AVX512 and VBMI
	NEON    Level = "neon"    // arm64
)

// ErrLevel says that a CPU level is unknown or not available here.
var ErrLevel = errors.New("cpu level not available")

// EnvLevel is the environment variable that FromEnv reads.
const EnvLevel = "HELIX_CPU"

// Levels returns the levels this machine can run, the best one last.
func Levels() []Level { return availableLevels() }

// ForLevel returns the kernels of one level, or ErrLevel with the list of the
// levels that would do.
func ForLevel(l Level) (*Kernels, error) {
	for _, have := range Levels() {
		if have == l {
			return newKernels(l), nil
		}
	}
	return nil, fmt.Errorf("%w: %q; available: %q", ErrLevel, l, Levels())
}

// Best returns the kernels of the best level.
func Best() *Kernels {
	levels := Levels()
	k, err := ForLevel(levels[len(levels)-1])
	if err != nil {
		panic(err) // Levels and ForLevel disagree
	}
	return k
}

// FromEnv returns the kernels of the level that HELIX_CPU names, the best ones
// if it is empty or unset, or an error that wraps ErrLevel.
func FromEnv() (*Kernels, error) {
	name := os.Getenv(EnvLevel)
	if name == "" {
		return Best(), nil
	}
	k, err := ForLevel(Level(name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EnvLevel, err)
	}
	return k, nil
}
