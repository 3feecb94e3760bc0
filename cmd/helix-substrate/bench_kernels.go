package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/bench"
)

type benchKernelsCommand struct {
	Python string `text:"" name:"python" default:"python3" help:"An interpreter with NumPy, whose OpenBLAS is the yardstick; without one those rows stay empty."`
	Rounds int    `name:"rounds" default:"9" help:"Every product runs once a round; the best one counts."`
	Dir    string `output:"scratch" name:"dir" placeholder:"DIR" help:"Where matrices are written (default: the system's temporary directory)."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

func (c *benchKernelsCommand) Help() string {
	return "Example:\n  helix-substrate bench kernels"
}

func (c *benchKernelsCommand) Run(env *environment) error {
	if c.Rounds < 1 {
		return usageError("--rounds must be positive")
	}
	r, err := bench.Kernels{Python: c.Python, Rounds: c.Rounds, Dir: c.Dir, Stderr: env.stderr}.Run(env.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	rows := make([][]string, len(r.Measures))
	for i, m := range r.Measures {
		wanted, met := "≥ ", "yes"
		if m.AtMost {
			wanted = "≤ "
		}
		if !m.Met() {
			met = "no"
		}
		rows[i] = []string{m.What, decimal(m.Measured, 2) + m.Unit, wanted + decimal(m.Wanted, 2) + m.Unit, met, m.Detail}
	}
	writeTable(env.stdout, []string{"measure", "here", "wanted", "met", "figures"}, rows)
	fmt.Fprintf(env.stdout, "\n%s\n", r.Note)
	return nil
}
