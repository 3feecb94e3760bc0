package legacy

import "github.com/helix-substrate/helix-substrate/receipt"

// The schemas of a transformer layer's receipts.
const (
	AttentionSchema = "attention_receipt_v1"
	FFNSchema       = "ffn_receipt_v1"
	BlockSchema     = "transformer_block_receipt_v1"
)

// Attention is the receipt of one attention layer: queries, keys and values from X,
// causal attention, output projection. Norms and residual are the block's.
type Attention struct {
	LayerRun
	StartPosition int     `json:"start_pos"` // of the first vector
	Heads         int     `json:"n_heads"`
	KVHeads       int     `json:"n_kv_heads"`
	HeadDim       int     `json:"head_dim"`
	SlidingWindow int     `json:"sliding_window,omitempty"` // keys that a query sees, 0: all before it
	Chunked       bool    `json:"chunked,omitempty"`        // of those in the same chunk of as many positions
	RopePairing   string  `json:"rope_pairing"`             // "interleaved" or "half_split"
	RopeTheta     float64 `json:"rope_theta"`
	// Projections are those of queries, keys, values and output, in the order of use;
	// again for every chunk, if X has more vectors than go together.
	Projections []*StreamXW `json:"projections"`
}

// FFN is the receipt of one gated feed-forward layer.
type FFN struct {
	LayerRun
	Activation string `json:"activation"` // "silu" or "gelu_tanh"
	// Projections are gate, up and down, for every chunk; of a mixture of experts the router, then those of
	// each expert that some vector got, then of the shared one.
	Projections []*StreamXW `json:"projections"`
}

// Block is the receipt of one transformer block: norms, attention, FFN and both
// residuals.
type Block struct {
	LayerRun
	StartPosition int        `json:"start_pos"`
	NormEps       float32    `json:"norm_eps"`
	Attention     *Attention `json:"attention"`
	FFN           *FFN       `json:"ffn"`
}

// LayerRun is what these receipts share.
type LayerRun struct {
	Schema        string       `json:"schema"`
	Architecture  string       `json:"architecture"`
	Layer         int          `json:"layer"`
	Tokens        int          `json:"tokens"` // vectors of X
	Hidden        int          `json:"hidden_size"`
	ComputeProof  ComputeProof `json:"compute_proof"`
	DurationMS    float64      `json:"duration_ms"`
	ProjectionsMS float64      `json:"projections_ms"` // of it
	Timestamp     string       `json:"timestamp"`      // when it ended, UTC
	Status        string       `json:"status"`         // "PASS"; a layer that fails returns an error and no receipt
}

// Operations returns what an execution receipt says of an attention layer: the layer,
// then its products.
func (a *Attention) Operations() []receipt.Operation {
	return a.operations(receipt.OpAttention, a.Projections)
}

// Operations is [Attention.Operations] for a feed-forward layer.
func (f *FFN) Operations() []receipt.Operation { return f.operations(receipt.OpFFN, f.Projections) }

// Operations returns the block, then its two layers' operations.
func (b *Block) Operations() []receipt.Operation {
	list := b.operations(receipt.OpBlock, nil)
	return append(append(list, b.Attention.Operations()...), b.FFN.Operations()...)
}

func (r *LayerRun) operations(name string, projections []*StreamXW) []receipt.Operation {
	list := []receipt.Operation{{
		Name: name, TimingMS: receipt.Float(r.DurationMS), Proof: r.ComputeProof.proof(),
		Elements: int64(r.Tokens) * int64(r.Hidden), Status: receipt.StatusOK,
	}}
	for _, p := range projections {
		list = append(list, p.Operation())
	}
	return list
}
