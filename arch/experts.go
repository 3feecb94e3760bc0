package arch

import (
	"cmp"
	"fmt"
	"slices"
)

// Experts says how a mixture of experts is built (Shazeer et al. 2017): of each vector a router
// chooses some of a layer's feed-forward networks, whose outputs are added, each times its
// weight. The zero value has none.
type Experts struct {
	Count    int // in a layer; 0 for none
	PerToken int // chosen for a vector
	FFN      int // length between up and down projections of one

	// Normalize has the weights of the chosen sum to 1. They are the router's softmax over all
	// experts, and so, normalized, the softmax over the chosen; or sigmoids.
	Normalize bool
	Sigmoid   bool
	Scale     float32 // the weights are multiplied by it in the end; 0 means 1
	Epsilon   float64 // added to the sum that normalized sigmoids are divided by; 0 means 1e-20
	Bias      bool    // a vector is added to what decides about the choice (GLM 4.5); only with sigmoids
	// OnInput has a sigmoid of the router multiply what its expert gets, not what that gives (Llama 4).
	OnInput bool
	Biases  bool // the router's and the experts' matrices have biases (gpt-oss)
	// Groups of neighbouring experts, if not 0: chosen are experts of GroupsPerToken of them, with sigmoids those
	// whose two best are best together, with a softmax those that have the best.
	Groups, GroupsPerToken int

	Shared     int  // length between up and down projections of the expert that is always chosen; 0 for none
	SharedGate bool // whose output is multiplied by the sigmoid of a product of the vector

	Dense []bool // per layer: whether it has one ordinary FFN; nil: none has

	// Beside: each layer has an ordinary FFN too, and both see the residual stream by norms of their own, and have others behind
	// them, before they are added. The router sees it by a norm with a factor 1/√Hidden, and experts have a factor each for their
	// weights (Gemma 4).
	Beside bool
}

// check refuses what makes no sense in a model of so many layers.
func (e *Experts) check(layers int) error {
	if e.Count == 0 {
		if e.PerToken != 0 || e.FFN != 0 || e.Shared != 0 || e.Dense != nil {
			return fmt.Errorf("%d experts a token of no experts: %w", e.PerToken, ErrConfig)
		}
		return nil
	}
	switch {
	case e.Count < 1 || e.Count > 1<<14:
		return fmt.Errorf("number of experts %d is not in 1..%d: %w", e.Count, 1<<14, ErrConfig)
	case e.PerToken < 1 || e.PerToken > min(e.Count, 1<<10):
		return fmt.Errorf("%d of %d experts a token: %w", e.PerToken, e.Count, ErrConfig)
	case e.FFN < 1 || e.FFN > 1<<20:
		return fmt.Errorf("intermediate size of experts %d is not in 1..%d: %w", e.FFN, 1<<20, ErrConfig)
	case e.Shared < 0 || e.Shared > 1<<20:
		return fmt.Errorf("intermediate size of the shared expert %d is not in 0..%d: %w", e.Shared, 1<<20, ErrConfig)
	case !(e.Epsilon >= 0 && e.Epsilon < 1):
		return fmt.Errorf("experts' weights divided by their sum and %v: %w", e.Epsilon, ErrConfig)
	case !(e.Scale >= 0 && e.Scale <= 1e6):
		return fmt.Errorf("experts' weights times %v: %w", e.Scale, ErrConfig)
	case e.Beside && (e.Shared > 0 || e.Biases || e.Dense != nil):
		return fmt.Errorf("experts of no kind that is known beside a feed-forward layer: %w", ErrConfig)
	case e.OnInput && (!e.Sigmoid || e.Normalize || e.Bias || e.Groups != 0 || e.Scale != 0):
		return fmt.Errorf("experts' inputs weighed otherwise than by sigmoids: %w", ErrConfig)
	case e.Bias && !e.Sigmoid:
		return fmt.Errorf("a bias for choosing experts by a softmax: %w", ErrConfig)
	case e.Groups != 0 && (e.Groups < 1 || e.Count%e.Groups != 0 || e.Sigmoid && e.Count/e.Groups < 2):
		return fmt.Errorf("%d groups of %d experts: %w", e.Groups, e.Count, ErrConfig)
	case e.Groups != 0 && (e.GroupsPerToken < 1 || e.GroupsPerToken > e.Groups || e.GroupsPerToken*(e.Count/e.Groups) < e.PerToken):
		return fmt.Errorf("%d experts a token of %d of %d groups: %w", e.PerToken, e.GroupsPerToken, e.Groups, ErrConfig)
	case e.Dense != nil && len(e.Dense) != layers:
		return fmt.Errorf("%d of %d layers have experts or not: %w", len(e.Dense), layers, ErrConfig)
	}
	return nil
}

// HasExperts tells whether a layer, counted from 0, is a mixture of experts.
func (c *Config) HasExperts(layer int) bool {
	return c.Experts.Count > 0 && c.HasFFN(layer) && (c.Experts.Dense == nil || !c.Experts.Dense[layer])
}

// WidestFFN is the length between up and down projections of the longest feed-forward network
// that some layer has.
func (c *Config) WidestFFN() int {
	widest := max(c.Experts.FFN, c.Experts.Shared)
	if c.Experts.Count == 0 || c.Experts.Dense != nil || c.Experts.Beside {
		widest = max(widest, c.FFN, c.WideFFN)
	}
	return widest
}

// hfExperts are the keys of config.json about experts.
type hfExperts struct {
	Experts     int   `json:"num_experts"`
	Local       int   `json:"num_local_experts"` // another word for it, with a default
	PerToken    int   `json:"num_experts_per_tok"`
	ExpertFFN   int   `json:"moe_intermediate_size"`
	Shared      int   `json:"shared_expert_intermediate_size"`
	SharedFFN   int   `json:"shared_intermediate_size"` // Granite's word
	Normalize   bool  `json:"norm_topk_prob"`
	SparseStep  int   `json:"decoder_sparse_step"`
	DenseLayers []int `json:"mlp_only_layers"`

	Routed         int     `json:"n_routed_experts"` // DeepSeek's words, and GLM's
	SharedCount    int     `json:"n_shared_experts"` // each as long as a routed one, in one matrix
	Scale          float32 `json:"routed_scaling_factor"`
	Groups         int     `json:"n_group"`
	GroupsPerToken int     `json:"topk_group"`
	DenseFirst     int     `json:"first_k_dense_replace"`

	DenseLead int    `json:"num_dense_layers"` // LFM2's words
	UseBias   bool   `json:"use_expert_bias"`
	TopK      string `json:"topk_method"`

	FFNTypes []string `json:"mlp_layer_types"`

	DenseFFN     int   `json:"intermediate_size_mlp"` // Llama 4's words
	SparseLayers []int `json:"moe_layers"`            // nil: every so manieth
	SparseEvery  int   `json:"interleave_moe_layer_step"`
}

// checkExperts refuses keys, of those that were read, that contradict each other or name nothing.
func (h *hfConfig) checkExperts(read map[string]any) error {
	if a, b := read["num_experts"], read["num_local_experts"]; a != nil && b != nil && h.hfExperts.Experts != h.hfExperts.Local {
		return fmt.Errorf("num_experts %d, but num_local_experts %d: %w", h.hfExperts.Experts, h.hfExperts.Local, ErrConfig)
	}
	if read["n_group"] != nil && h.Groups < 1 {
		return fmt.Errorf("n_group %d: %w", h.Groups, ErrConfig)
	}
	for _, of := range []struct {
		key    string
		layers []int
	}{{"mlp_only_layers", h.DenseLayers}, {"moe_layers", h.SparseLayers}} {
		for _, l := range of.layers {
			if l < 0 || l >= h.Layers {
				return fmt.Errorf("%s names layer %d of %d: %w", of.key, l, h.Layers, ErrConfig)
			}
		}
	}
	return nil
}

// experts reads them, with what transformers makes of them.
func (h *hfConfig) experts(c *Config) error {
	e := &h.hfExperts
	x := Experts{Count: cmp.Or(e.Experts, e.Local, e.Routed), PerToken: e.PerToken, FFN: cmp.Or(e.ExpertFFN, c.FFN), Normalize: e.Normalize, Shared: e.Shared, SharedGate: e.Shared > 0}
	if x.Count == 0 {
		return nil
	}
	if e.Scale != 1 {
		x.Scale = e.Scale
	}
	if e.SharedCount < 0 || e.SharedCount > 1<<10 {
		return fmt.Errorf("n_shared_experts %d: %w", e.SharedCount, ErrConfig)
	} else if e.SharedCount > 0 {
		x.Shared = e.SharedCount * x.FFN
	}
	if e.Groups != 0 && e.Groups != 1 {
		x.Groups, x.GroupsPerToken = e.Groups, e.GroupsPerToken
	}
	step := cmp.Or(e.SparseStep, e.SparseEvery, 1)
	if step < 1 {
		return fmt.Errorf("decoder_sparse_step %d: %w", step, ErrConfig)
	}
	if c.Layers < 1 || c.Layers > mostLayers {
		return nil // which is refused
	}
	dense := make([]bool, c.Layers)
	for l := range dense {
		dense[l] = (l+1)%step != 0 || l < max(e.DenseFirst, e.DenseLead)
	}
	if e.FFNTypes != nil {
		if len(e.FFNTypes) != c.Layers {
			return fmt.Errorf("mlp_layer_types names %d of %d layers: %w", len(e.FFNTypes), c.Layers, ErrConfig)
		}
		for l, kind := range e.FFNTypes {
			if kind != "dense" && kind != "sparse" {
				return fmt.Errorf("mlp_layer_types has %q, not dense or sparse: %w", kind, ErrKey)
			}
			dense[l] = kind == "dense"
		}
	}
	for _, l := range e.DenseLayers {
		dense[l] = true
	}
	if e.SparseLayers != nil {
		for l := range dense {
			dense[l] = !slices.Contains(e.SparseLayers, l)
		}
	}
	if slices.Contains(dense, true) {
		x.Dense = dense
	}
	c.Experts = x
	return nil
}
