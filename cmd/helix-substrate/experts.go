package main

import (
	"fmt"

	helix "github.com/helix-substrate/helix-substrate"
)

// learnFlag has a run count which experts are chosen.
type learnFlag struct {
	Learn string `output:"experts" name:"learn-experts" placeholder:"FILE" help:"Write there how often each expert of a mixture was chosen, for --expert-use."`
}

// check refuses a model that has no experts to count.
func (f *learnFlag) check(m *helix.Engine) error {
	if f.Learn == "" {
		return nil
	}
	_, err := m.ExpertUse()
	return err
}

// write writes what was counted, if that was asked for.
func (f *learnFlag) write(m *helix.Engine) error {
	if f.Learn == "" {
		return nil
	}
	table, err := m.ExpertUse()
	if err != nil {
		return err
	}
	return table.WriteFile(f.Learn)
}

// expertsRead says how many experts were found in memory, and what a token read of the others; nothing where all are in memory.
func expertsRead(m *helix.Engine, tokens int) string {
	s := m.ExpertStats()
	if s.Hits+s.Misses == 0 || tokens == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d experts were in memory, %s read a token", s.Hits, s.Hits+s.Misses, size(s.Read/int64(tokens)))
}

// expertFields are the plan's lines about experts, if some are not held.
func expertFields(p *helix.Plan) []field {
	x := p.Experts
	if x == nil {
		return nil
	}
	read := fmt.Sprintf("a token gets %s of them, and reads %s if all are used alike", size(x.Used), size(x.Reads))
	if x.Known {
		read += fmt.Sprintf(", %s by their measured use", size(x.Likely))
	}
	return []field{{"experts in memory", fmt.Sprintf("%s, %d of %d", size(x.Bytes), x.Held, x.Count)}, {"experts read", read}}
}
