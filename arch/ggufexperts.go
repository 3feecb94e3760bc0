package arch

import "fmt"

// The keys of how a router weighs, behind the architecture's name.
const (
	leadingDense   = "leading_dense_block_count"
	gatingFunction = "expert_gating_func"
	weightsSum     = "expert_weights_norm"
	weightsScale   = "expert_weights_scale"
	sharedCount    = "expert_shared_count"
	groupCount     = "expert_group_count"
	groupsUsed     = "expert_group_used_count"
)

// The values of expert_gating_func.
const (
	gatingSoftmax = 1
	gatingSigmoid = 2
)

// experts completes what the metadata say of experts by what llama.cpp does. A shared expert of which they do not tell the size
// is refused: nobody would miss it.
func (r *ggufReader) experts(c *Config, h *hfConfig) error {
	x := &c.Experts
	if x.Count == 0 {
		*x = Experts{} // some files have sizes of none
		return nil
	}
	if !r.by.experts {
		return fmt.Errorf("%s.expert_count %d is not supported: %w", r.arch, x.Count, ErrKey)
	}
	x.Normalize = r.by.normalized
	if r.by.routed {
		r.routing(c)
	}
	if r.by.weighed {
		r.weighing(c, h)
	}
	x.SharedGate = r.by.gated && x.Shared > 0
	shared := GGUFName(LayerName(0, "mlp.shared_expert.up_proj.weight"), false)
	if _, ok := r.tensors.Shape(shared); ok && x.Shared == 0 {
		return fmt.Errorf("there is %s, but no %s.expert_shared_feed_forward_length: %w", shared, r.arch, ErrConfig)
	}
	return nil
}

// routing reads which layers have experts, and how these are chosen.
func (r *ggufReader) routing(c *Config) {
	x := &c.Experts
	switch kind := r.integer(gatingFunction, r.usualGating(c)); kind {
	case gatingSoftmax:
	case gatingSigmoid:
		x.Sigmoid = true
	default:
		r.fail(fmt.Errorf("%s.%s %d is not supported: %w", r.arch, gatingFunction, kind, ErrKey))
	}
	if n := r.integer(leadingDense, 0); n > 0 && c.Layers > 0 && c.Layers <= mostLayers {
		x.Dense = make([]bool, c.Layers)
		for l := range min(n, c.Layers) {
			x.Dense[l] = true
		}
	}
}

// usualGating is expert_gating_func where a file leaves it out: files of DeepSeek V2 from before there was that key have a softmax.
func (r *ggufReader) usualGating(c *Config) int {
	if r.by.latent && c.Vocab != flashVocab {
		return gatingSoftmax
	}
	return gatingSigmoid
}

// flashVocab is the number of GLM 4.7 Flash's tokens, by which llama.cpp tells it from DeepSeek V2.
const flashVocab = 154880

// weighing reads what becomes of the weights of chosen experts, and of which groups these are.
func (r *ggufReader) weighing(c *Config, h *hfConfig) {
	x := &c.Experts
	sums, err := r.f.Any(r.arch + "." + weightsSum)
	x.Normalize = err == nil && sums == true
	if h.Scale = float32(r.float(weightsScale, 1)); h.Scale == 0 {
		h.Scale = 1
	}
	if h.Scale != 1 {
		x.Scale = h.Scale
	}
	if n := r.integer(sharedCount, 0); n > 0 && x.Shared == 0 {
		if n > 1<<10 || x.FFN > 1<<20 {
			r.fail(fmt.Errorf("%s.%s %d", r.arch, sharedCount, n))
		}
		x.Shared = n * x.FFN
	}
	if n := r.integer(groupCount, 0); n > 1 {
		x.Groups, x.GroupsPerToken = n, r.integer(groupsUsed, 0)
	}
}

// routing writes it.
func (g *GGUF) routing(c *Config) {
	x := &c.Experts
	kind, dense := gatingSoftmax, c.leadingDense()
	if x.Sigmoid {
		kind = gatingSigmoid
	}
	g.add(leadingDense, &dense, false)
	g.add(gatingFunction, &kind, false)
	if !g.by.weighed {
		return
	}
	scale := x.Scale
	if scale == 0 {
		scale = 1
	}
	shared := x.Shared / x.FFN
	g.add(sharedCount, &shared, false)
	g.add(weightsSum, x.Normalize, false)
	g.add(weightsScale, &scale, false)
	g.add(groupCount, &x.Groups, true)
	g.add(groupsUsed, &x.GroupsPerToken, true)
}

// leadingDense is how many layers come before the first with experts.
func (c *Config) leadingDense() int {
	for l := range c.Layers {
		if c.HasExperts(l) {
			return l
		}
	}
	return c.Layers
}

// countsShared tells whether the shared expert is as long as some others together.
func countsShared(x *Experts) bool { return x.FFN > 0 && x.Shared%x.FFN == 0 }
