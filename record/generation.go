package record

import (
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Generation is a generated text's receipt on its way.
type Generation struct {
	*receipt.Generation
	on     *transformer.Model
	before stream.ExpertStats // of other runs

	hashed bool // somebody will see it: what takes time, such as hashing, is worth it
	hasher receipt.Hasher
}

// GenerationOptions say how texts are generated, as a receipt claims it.
type GenerationOptions struct {
	Sampling  generate.Options
	N         int      // tokens of a turn at most
	StopIDs   []int    // see generate.Generator.StopIDs
	StopTexts []string // of the generator
	ShowIDs   []int    // its Show
	// Adjustment is what Request.Adjust does, as record.Adjuster makes it; nil for nothing.
	Adjustment *receipt.Adjustment
	Private    bool // leave prompts and texts out, as ids too: only their hashes are there
	Version    string
	Path       string // of the model; "" leaves it out
}

// NewGeneration starts the receipt of what the model on, opened with o, generates. of says
// which model it is; without that the receipt is for nobody, and nothing is hashed.
func NewGeneration(on *transformer.Model, o transformer.Options, of *Model, g GenerationOptions) *Generation {
	r := &Generation{Generation: receipt.NewGeneration(time.Now()), on: on, before: on.ExpertStats(), hashed: of != nil}
	c := &r.Claims
	if of != nil {
		c.Model = of.Claim
	}
	c.Model.Architecture = on.Config.Architecture
	c.CacheType, c.Context, c.Verify = string(on.Plan.CacheType), on.Plan.Context, VerifyClaim(o.Verify)
	c.Canon, c.CanonVersion = string(on.Canon()), transformer.CanonVersion
	c.Sampling, c.Adjustment = receipt.Sampling(g.Sampling), g.Adjustment
	c.N, c.StopIDs, c.StopTexts, c.ShowIDs, c.Private = g.N, append(c.StopIDs, g.StopIDs...), g.StopTexts, g.ShowIDs, g.Private
	m := &r.Measurements
	m.Program.Version = g.Version
	DescribeRun(m, on, o, of)
	if g.Path != "" {
		m.Paths = map[string]string{"model": g.Path}
	}
	return r
}

// Run calls run, which runs the generator once, and notes what it did as a turn.
func (r *Generation) Run(from *generate.Generator, run func() (*generate.Result, error)) (*generate.Result, error) {
	if r.hashed {
		from.Logits = r.Logits
	}
	result, err := run()
	r.Turn(result, err)
	return result, err
}

// Logits hashes what a token is drawn from: generate.Request.Logits. The error is nil.
func (r *Generation) Logits(logits []float32) error {
	r.hasher.Add(logits)
	return nil
}

// Turn notes what a turn came to whose logits Logits was shown.
func (r *Generation) Turn(result *generate.Result, err error) {
	turn := receipt.Turn{LogitsSHA256: r.drawn(result), PromptIDs: result.PromptIDs, OutputIDs: result.OutputIDs, Stop: string(result.Stop)}
	if now := read(r.before, r.on.ExpertStats()); now != (receipt.Experts{}) {
		r.Measurements.Experts = &now
	}
	r.AddTurn(turn, result.Text, result.PromptTime, result.GenerateTime, err)
}

// read is what was read of experts between two times.
func read(before, after stream.ExpertStats) receipt.Experts {
	return receipt.Experts{Hits: after.Hits - before.Hits, Misses: after.Misses - before.Misses, Bytes: after.Read - before.Read}
}

// drawn returns the hashes of the logits that a result's tokens were drawn from.
func (r *Generation) drawn(result *generate.Result) []string {
	sums := r.hasher.Sums()
	return sums[:min(len(sums), result.Drawn)]
}

// DescribeRun notes in the measurements what a model, opened with o, ran on. of may be nil.
func DescribeRun(m *receipt.Measurements, on *transformer.Model, o transformer.Options, of *Model) {
	m.Executor = receipt.Executor{Wanted: o.CPU, Used: on.CPU(), Workers: on.Threads()}
	if of != nil {
		m.Executor.Routes = of.Routes
	}
	m.Memory.Limit, m.Memory.Plan = o.Memory, on.Plan.Totals()
}

// VerifyClaim is a policy as receipts claim it: none where every block is checked.
func VerifyClaim(p cdna.Policy) string {
	if p == cdna.Off || p == cdna.Sampled {
		return string(p)
	}
	return ""
}
