package arch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Layout says how a tensor, or some of its rows, lies in a GGUF file.
type Layout struct {
	Name  string
	Shape []int // row-major
	// Row and Column say which row of the tensor, and which column, comes at a place; nil: the one that is there.
	Row, Column func(at int) int
	// Sideways: the matrices of a tensor of three dimensions, whose rows Row says one matrix after the other, lie on their side.
	Sideways bool
	Decays   bool     // −e^x of every weight
	Add      float32  // to every weight
	Times    []Factor // what successive rows are multiplied by; none for nothing
}

// Factor is what so many rows are multiplied by.
type Factor struct {
	Rows int
	By   float32
}

// Layouts returns how a tensor of the model lies in the file, as one tensor or, where gates and up projections are one here, as
// two. The error says that llama.cpp does not use it.
func (g *GGUF) Layouts(w *Weight) ([]Layout, error) {
	switch {
	case strings.HasSuffix(w.Name, fusedExperts), strings.HasSuffix(w.Name, fusedShared):
		return g.gatesAndUps(w)
	case len(w.Parts) > 0 && w.Parts[0].Use == KeyValueUp:
		return g.config.keysAndValues(w), nil
	case g.config.Mixers.Grouped && len(w.Parts) > 0 && w.Parts[0].Use == MixerInput:
		return g.config.ungrouped(w), nil
	}
	l, err := g.layout(w, w.Name)
	if err != nil {
		return nil, err
	}
	l.Shape = g.config.storedShape(w)
	return []Layout{l}, nil
}

// gatesAndUps are the layouts of what is one here.
func (g *GGUF) gatesAndUps(w *Weight) ([]Layout, error) {
	var list []Layout
	first, each := 0, w.Shape[0]/max(1, w.Experts)
	for i, part := range []string{"gate_proj", "up_proj"} {
		rows := w.Parts[i].Rows
		l, err := g.layout(w, strings.Replace(w.Name, "gate_up_proj", part, 1))
		if err != nil {
			return nil, err
		}
		l.Shape = slices.Clone(w.Stacked())
		l.Shape[len(l.Shape)-2] = rows
		l.Row = someOf(rows, first, each)
		first += rows
		list = append(list, l)
	}
	return list, nil
}

// someOf takes so many rows of each so many, from the first on.
func someOf(rows, first, each int) func(at int) int {
	return func(at int) int { return at/rows*each + first + at%rows }
}

// neighbours returns which row of halves comes at a row of pairs: within a head of n rows, rows i and i + n/2 become 2i and 2i + 1.
func neighbours(n int) func(at int) int {
	return func(at int) int {
		head, i := at/n, at%n
		return head*n + i%2*(n/2) + i/2
	}
}

// storedShape is the shape of one that is written as it is.
func (c *Config) storedShape(w *Weight) []int {
	switch {
	case c.Mixers.HasMamba() && len(w.Parts) > 0 && (w.Parts[0].Use == DecayLog || w.Parts[0].Use == Skip):
		return []int{w.Shape[0], 1}
	case w.Groups > 0:
		return []int{w.Groups, w.Shape[0] / w.Groups}
	}
	return w.Stacked()
}

// layout returns how a tensor lies in the file that would have some name here.
func (g *GGUF) layout(w *Weight, name string) (Layout, error) {
	c := g.config
	if len(w.Parts) > 0 && !c.HasExperts(w.Layer) { // Granite's has a shared expert's name
		name = strings.Replace(name, ".mlp.shared_expert.", ".mlp.", 1)
	}
	if w.Experts > 0 && len(w.Shape) == 2 && !strings.HasSuffix(name, ".weight") {
		name += ".weight"
	}
	l := Layout{Name: g.by.tensor(c, name)}
	if name == HeadName && c.TiedHead { // where only the head is stored
		l.Name = GGUFName(EmbeddingName, false)
	}
	if l.Name == "" {
		return l, fmt.Errorf("llama.cpp has no one tensor for %s", w.Name)
	}
	dot := strings.LastIndexByte(l.Name, '.')
	part := l.Name[strings.LastIndexByte(l.Name[:dot], '.')+1 : dot]
	if l.Name[dot:] == ".bias" && !slices.Contains(g.by.biases, part) {
		return l, fmt.Errorf("llama.cpp knows no %s with a bias %s", g.by.name, w.Name)
	}
	if g.by.neighbours && !c.Rope.Interleaved && (part == "attn_q" || part == "attn_k") {
		l.Row = neighbours(c.HeadDim)
	}
	if g.by.latent {
		l.Row = c.turned(w)
	}
	if g.by.tiled {
		l.Row, l.Column = c.tile(w)
	}
	if c.NormOffset && RoleOf(w.Name) == Norm && !(len(w.Parts) > 0 && w.Parts[0].Use == MixerNorm) {
		l.Add = 1
	}
	l.Decays = len(w.Parts) > 0 && w.Parts[0].Use == DecayLog && !c.Mixers.Decays
	if g.by.folded {
		l.Times = c.folded(w)
	}
	return l, nil
}

// folded is what a weight's rows are multiplied by so that nothing else need be; nil for nothing.
func (c *Config) folded(w *Weight) []Factor {
	switch w.Name {
	case EmbeddingName:
		return times(c.Vocab, c.EmbedScale)
	case HeadName:
		return times(c.Vocab, c.LogitScale)
	}
	if w.Filter || len(w.Shape) == 1 && !strings.HasSuffix(w.Name, ".bias") {
		return nil
	}
	var list []Factor
	for _, p := range w.Parts {
		m := c.Multipliers[p.Use]
		by := m.Product()
		if len(w.Shape) == 1 {
			by = m.Out
		}
		switch by = cmp.Or(by, 1); p.Use {
		case Key: // which scores are scaled by
			if plain := float32(1 / math.Sqrt(float64(c.HeadDim))); c.AttnScale != plain {
				by *= c.AttnScale / plain
			}
		case MixerInput:
			for i, n := range []int{c.Mixers.Values(), c.Mixers.Keys(), c.Mixers.Keys()} {
				list = append(list, Factor{n, by * cmp.Or(c.Mixers.Mamba.Channels[i], 1)})
			}
			continue
		}
		list = append(list, Factor{p.Rows, by})
	}
	return list
}

func times(rows int, by float32) []Factor { return []Factor{{rows, cmp.Or(by, 1)}} }
