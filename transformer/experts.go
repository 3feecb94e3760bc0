package transformer

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/stream"
)

// experts is a mixture of experts (Shazeer et al. 2017): the networks that the router chooses for
// a vector, whose outputs are added, each times its weight.
type experts struct {
	Router     linear
	Bias       []float32 // is added to what decides about the choice; nil for nothing
	FFN        ffn       // of all experts: see linear.of
	SharedGate []float32 // for how much of the shared one is added; nil for all of it
	Beside     beside

	Cache *stream.ExpertCache // of the matrices of FFN; nil if they are in memory
	uses  []atomic.Int64      // how often each was chosen

	see func(x []float32) error // is shown what Down is multiplied by, token by token; nil: nobody looks
}

// counts returns how often each expert was chosen, nil if there are none.
func (e *experts) counts() []int64 {
	if len(e.uses) == 0 {
		return nil
	}
	list := make([]int64, len(e.uses))
	for i := range list {
		list[i] = e.uses[i].Load()
	}
	return list
}

// choice is an expert that a vector gets.
type choice struct {
	expert int32
	weight float32
}

// routing is who gets which expert, and room for one expert's vectors. Vectors are grouped by
// expert, so that each expert's matrices are read once in a pass.
type routing struct {
	logits  []float32 // [chunk, experts]
	x, y    []float32 // [chunk, hidden]: what an expert gets, and gives
	seen    []float32 // [chunk, chosen, expert's ffn]: what Down is multiplied by, where somebody looks
	sum     []float32 // [chunk, hidden]: what experts give together, where a feed-forward layer stands beside them
	choices []choice  // [chunk, chosen], a token's in ascending order of experts
	order   []int32   // of choices, by expert; those of one in ascending order of tokens
	ends    []int32   // of each expert's part of order

	keys, sums []float32 // [experts], of a token, and what its groups are chosen by
	best       []int32   // [experts]: places of the largest
}

// newRouting has room for tokens of a chunk; where it lies outside of the Go heap, take gives it.
func newRouting(x *arch.Experts, hidden, chunk, seen int, take func(n int) []float32) routing {
	return routing{
		logits: take(chunk * x.Count), x: take(chunk * hidden), y: take(chunk * hidden), seen: take(chunk * seen),
		choices: make([]choice, chunk*x.PerToken), order: make([]int32, chunk*x.PerToken), ends: make([]int32, x.Count),
		keys: make([]float32, x.Count), sums: make([]float32, x.Groups), best: make([]int32, x.Count),
	}
}

// mix writes a mixture's output for vectors x to y: the experts' in ascending order of their
// numbers, then the shared one's.
func (p *pass) mix(ctx context.Context, b *block, y, x []float32) error {
	c, m, r := p.model.Config, p.model, &p.routing
	if err := p.route(ctx, &b.Experts, x); err != nil {
		return err
	}
	if err := p.mixExperts(ctx, &b.Experts, y, x); err != nil {
		return err
	}
	if b.FFN.Up.W == nil {
		return nil
	}
	out := r.y[:len(x)]
	if err := p.ffn(ctx, &b.FFN, out, x); err != nil {
		return err
	}
	p.mixing = mixing{c.Hidden, c.Experts.PerToken, y, out, nil, nil, x, b.Experts.SharedGate}
	return m.each(ctx, len(x)/c.Hidden, len(x), &p.mixing)
}

// route chooses the experts of vectors x.
func (p *pass) route(ctx context.Context, e *experts, x []float32) error {
	c, r := p.model.Config, &p.routing
	tokens, k := len(x)/c.Hidden, c.Experts.PerToken
	logits := r.logits[:tokens*c.Experts.Count]
	if err := p.model.engine.DotAll(ctx, x, e.Router.to(logits)); err != nil {
		return err
	}
	for t := range tokens {
		r.choose(&c.Experts, r.choices[t*k:][:k], logits[t*c.Experts.Count:][:c.Experts.Count], e.Bias)
	}
	r.group(tokens * k)
	e.Cache.Route(r.ends)
	return nil
}

// mixExperts writes what the experts chosen give for vectors x, each times its weight, to y.
func (p *pass) mixExperts(ctx context.Context, e *experts, y, x []float32) error {
	c, m, r := p.model.Config, p.model, &p.routing
	tokens, k := len(x)/c.Hidden, c.Experts.PerToken
	clear(y)
	first := int32(0)
	for i, end := range r.ends {
		if end == first {
			continue
		}
		part := r.order[first:end]
		first = end
		e.uses[i].Add(int64(len(part)))
		in, out := x, r.y[:len(part)*c.Hidden]
		if len(part) < tokens || c.Experts.OnInput {
			in = r.x[:len(part)*c.Hidden]
			for row, at := range part {
				copy(in[row*c.Hidden:][:c.Hidden], x[int(at)/k*c.Hidden:])
			}
		}
		if c.Experts.OnInput {
			for row, at := range part {
				scale(in[row*c.Hidden:][:c.Hidden], r.choices[at].weight)
				r.choices[at].weight = 1 // of what the expert gives
			}
		}
		f := ffn{e.FFN.Gate.of(i), e.FFN.Up.of(i), e.FFN.Down.of(i)}
		if err := p.ffn(ctx, &f, out, in); err != nil {
			return err
		}
		if e.see != nil {
			n := f.Up.Rows
			for row, at := range part {
				copy(r.seen[int(at)*n:][:n], p.gate[row*n:])
			}
		}
		p.mixing = mixing{c.Hidden, k, y, out, part, r.choices, nil, nil}
		if err := m.each(ctx, len(part), len(out), &p.mixing); err != nil {
			return err
		}
	}
	if e.see != nil {
		return e.see(r.seen[:tokens*k*c.Experts.FFN])
	}
	return nil
}

// choose writes the experts of largest keys, of equal ones those of the lower number, in ascending
// order of their numbers, with their weights. Keys are what the router computes, or the sigmoids of that, which
// take its place, plus a bias; but where they weigh inputs.
func (r *routing) choose(x *arch.Experts, chosen []choice, logits, bias []float32) {
	keys := logits
	if x.Sigmoid {
		keys = r.keys
		for i, v := range logits {
			logits[i] = float32(1 / (1 + detmath.Exp64(-float64(v))))
			switch keys[i] = logits[i]; {
			case x.OnInput:
				keys[i] = v
			case bias != nil:
				keys[i] += bias[i]
			}
		}
	}
	if x.Groups > 0 {
		if !x.Sigmoid {
			keys = r.keys
			copy(keys, logits)
		}
		r.keepGroups(x)
	}
	r.best = largest(r.best[:len(chosen)], keys)
	most := float64(logits[r.best[0]])
	slices.Sort(r.best)
	weight := func(i int32) float64 {
		if x.Sigmoid {
			return float64(logits[i])
		}
		return detmath.Exp64(float64(logits[i]) - most)
	}
	sum := 0.0
	switch {
	case x.Normalize:
		for _, i := range r.best {
			sum += weight(i)
		}
		if x.Sigmoid {
			sum += cmp.Or(x.Epsilon, 1e-20) // as transformers has it, for sigmoids that are all 0
		}
	case x.Sigmoid:
		sum = 1
	default:
		for i := range logits {
			sum += weight(int32(i))
		}
	}
	scale := float64(x.Scale)
	if scale == 0 {
		scale = 1
	}
	for n, i := range r.best {
		chosen[n] = choice{i, float32(weight(i) / sum * scale)}
	}
}

// keepGroups makes the keys of experts outside of the best groups as low as can be.
func (r *routing) keepGroups(x *arch.Experts) {
	keys, sums, size := r.keys, r.sums, x.Count/x.Groups
	for g := range sums {
		group := keys[g*size:][:size]
		if !x.Sigmoid {
			sums[g] = group[largest(r.best[:1], group)[0]]
			continue
		}
		best := largest(r.best[:2], group)
		sums[g] = group[best[0]] + group[best[1]]
	}
	kept := largest(r.best[:x.GroupsPerToken], sums)
	for i := range keys {
		if !slices.Contains(kept, int32(i/size)) {
			keys[i] = float32(math.Inf(-1))
		}
	}
}

// largest fills best with the places of the largest keys, the largest first, of equal ones the lower place. A
// NaN is as high as can be: what it stands for is chosen, so that damage shows.
func largest(best []int32, keys []float32) []int32 {
	last, most := -1, float32(math.Inf(1)) // the one before: only what comes after it is looked at
	for n := range best {
		at, top := -1, float32(0)
		for i, v := range keys {
			if v != v {
				v = float32(math.Inf(1))
			}
			if (v < most || v == most && i > last) && (at < 0 || v > top) {
				at, top = i, v
			}
		}
		best[n] = int32(at)
		last, most = at, top
	}
	return best
}

// group sorts the first n choices by expert.
func (r *routing) group(n int) {
	clear(r.ends)
	for _, c := range r.choices[:n] {
		r.ends[c.expert]++
	}
	begin := int32(0)
	for i, count := range r.ends {
		r.ends[i] = begin
		begin += count
	}
	for at, c := range r.choices[:n] {
		r.order[r.ends[c.expert]] = int32(at)
		r.ends[c.expert]++
	}
}

// mixing adds an expert's outputs to those of the experts before it. A part is a row: of the one
// whose choice is at that place of order, times the weight; or, without an order, of the shared
// expert, times the gate's sigmoid if there is a gate.
type mixing struct {
	hidden, chosen int // values of a vector, and experts
	y, out         []float32
	order          []int32
	choices        []choice
	x, gate        []float32
}

func (t *mixing) Do(_, i int) error {
	out, row, weight := t.out[i*t.hidden:][:t.hidden], i, float32(1)
	if t.order != nil {
		at := int(t.order[i])
		row, weight = at/t.chosen, t.choices[at].weight
	} else if t.gate != nil {
		weight = sigmoidOf(t.x[i*t.hidden:][:t.hidden], t.gate)
	}
	y := t.y[row*t.hidden:][:t.hidden]
	for j, v := range out {
		y[j] += float32(weight * v)
	}
	return nil
}

// sigmoidOf is the sigmoid of x·w, summed in float64 in order.
func sigmoidOf(x, w []float32) float32 {
	sum := 0.0
	for i, v := range x {
		sum += float64(float64(v) * float64(w[i]))
	}
	return float32(1 / (1 + detmath.Exp64(-sum)))
}
