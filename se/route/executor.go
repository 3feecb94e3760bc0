package route

import (
	"os"
)

// Backend is a kind of machine that computes.
type Backend string

// The backends, which fall back from the last to the first.
const (
	CPU Backend = "cpu"
	GPU Backend = "gpu"
	QPU Backend = "qpu"
)

func (b Backend) known() bool { return b == CPU || b == GPU || b == QPU }

// fallback is what does instead of a backend that is not here.
var fallback = map[Backend]Backend{QPU: GPU, GPU: CPU}

// Executor is a backend and whether this program can compute with it on this machine.
type Executor struct {
	Backend   Backend `json:"backend"`
	Available bool    `json:"available"`
	Reason    string  `json:"reason,omitempty"` // why it is not
}

// Registry is the executors of a machine. A backend that is not in it is unavailable.
type Registry []Executor

// Machine returns the executors of this program on this machine. Only the CPU computes
// so far; nothing pretends to be what it is not.
func Machine() Registry {
	reason := "this program has no GPU kernels"
	for _, device := range []string{"/dev/nvidiactl", "/dev/kfd", "/dev/dri/renderD128"} {
		if _, err := os.Stat(device); err == nil {
			reason += ", though " + device + " is there"
			break
		}
	}
	return Registry{
		{Backend: CPU, Available: true},
		{Backend: GPU, Reason: reason},
		{Backend: QPU, Reason: "this program has no interface to a quantum processor"},
	}
}

// Find returns the executor of a backend.
func (r Registry) Find(b Backend) Executor {
	for _, e := range r {
		if e.Backend == b {
			return e
		}
	}
	return Executor{Backend: b, Reason: "not registered"}
}

// Resolve completes a decision: Used is what is wanted or, along qpu → gpu → cpu, the
// first backend that is available; those passed over are noted. It is empty if not even
// the CPU is.
func (r Registry) Resolve(d Decision) Decision {
	d.Used, d.Unavailable = "", nil
	for b := d.Wanted; b != ""; b = fallback[b] {
		e := r.Find(b)
		if e.Available {
			d.Used = b
			break
		}
		d.Unavailable = append(d.Unavailable, e)
	}
	return d
}
