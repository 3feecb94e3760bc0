package model

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/se/route"
)

// Routes counts the tensors by where they are wanted and where they are computed, as
// "gpu -> cpu": what the manifest's decisions come to with the executors of a machine.
// It is nil for a model whose Structural Entropy was not measured.
func (m *Manifest) Routes(machine route.Registry) map[string]int {
	var routes map[string]int
	for _, t := range m.Tensors {
		if t.Entropy == nil {
			continue
		}
		if routes == nil {
			routes = map[string]int{}
		}
		d := machine.Resolve(t.Entropy.Decision)
		routes[fmt.Sprintf("%s -> %s", d.Wanted, d.Used)]++
	}
	return routes
}
