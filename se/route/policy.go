package route

import (
	"fmt"
	"math"
)

// Policy says where to compute a matrix, by its measurements. [DefaultPolicy] has the
// original's thresholds.
//
// The gates come first, in this order; the first that applies decides:
//
//	size          bytes > SizeShare · VRAM                 cpu, zone 1
//	kappa         condition number > MaxCondition          gpu, zone 2
//	sparsity      zeros > MaxSparsity, in blocks           cpu, zone 1
//	sufficient_k  the spectrum was not measured            cpu, zone 1
//
// Then the zones:
//
//	Se ≥ High, C_struct ≥ Coherent                         gpu, zone 4
//	Se ≥ High                                              qpu, zone 3
//	Low ≤ Se < High                                        gpu, zone 2
//	Se < Low                                               cpu, zone 1
//
// Gates do not apply to empty matrices and vectors.
type Policy struct {
	Low          float64 `json:"low"`
	High         float64 `json:"high"`
	Coherent     float64 `json:"coherent"`
	VRAM         float64 `json:"vram_bytes"` // memory of the accelerator, in bytes
	SizeShare    float64 `json:"size_share"`
	MaxCondition float64 `json:"max_condition"`
	MaxSparsity  float64 `json:"max_sparsity"`
	// Force overrides the backend of every decision, which records that; empty forces none.
	Force Backend `json:"force_backend,omitempty"`
}

// DefaultPolicy returns the original's thresholds.
func DefaultPolicy() Policy {
	return Policy{Low: 0.30, High: 0.70, Coherent: 0.30, VRAM: 4000e6, SizeShare: 0.8, MaxCondition: 100, MaxSparsity: 0.40}
}

// Validate tells whether the policy makes sense: ErrOption if a threshold is NaN or
// negative, Low is above High, or a backend is unknown.
func (p *Policy) Validate() error {
	for _, x := range []struct {
		name  string
		value float64
	}{
		{"low", p.Low}, {"high", p.High}, {"coherent", p.Coherent}, {"vram", p.VRAM}, {"size_share", p.SizeShare},
		{"max_condition", p.MaxCondition}, {"max_sparsity", p.MaxSparsity},
	} {
		if !(x.value >= 0) {
			return fmt.Errorf("policy: %s %v: must not be negative: %w", x.name, x.value, ErrOption)
		}
	}
	if p.Low > p.High {
		return fmt.Errorf("policy: low %v is above high %v: %w", p.Low, p.High, ErrOption)
	}
	if p.Force != "" && !p.Force.known() {
		return fmt.Errorf("policy: backend %q: %w", p.Force, ErrOption)
	}
	return nil
}

// Rule names what decided.
type Rule string

// The rules, gates first.
const (
	RuleSize        Rule = "size"
	RuleKappa       Rule = "kappa"
	RuleSparsity    Rule = "sparsity"
	RuleSufficientK Rule = "sufficient_k"
	RuleZone        Rule = "zone"
)

// Decision says where a matrix should be computed, where it will be, and why.
type Decision struct {
	Zone   int     `json:"zone"`           // 1 to 4
	Hint   Backend `json:"hint"`           // what the rules say
	Wanted Backend `json:"wanted"`         // the hint, or what the policy forces
	Used   Backend `json:"used,omitempty"` // what will compute it, see [Registry.Resolve]
	Forced bool    `json:"forced,omitempty"`

	Rule Rule `json:"rule"`
	// Measured is the value that the rule looked at and Threshold what it was compared
	// with: bytes, a condition number, a share of zeros, or Se and the nearest limit of
	// its zone.
	Measured  float64 `json:"measured"`
	Threshold float64 `json:"threshold"`
	// Uncertain: the error of Se, or a condition number that is only a lower bound, allows
	// for another decision.
	Uncertain bool `json:"uncertain,omitempty"`
	// Unavailable are the executors that were wanted, in order, and are not here.
	Unavailable []Executor `json:"unavailable,omitempty"`
}

// Margin is how far the measured value is beyond the threshold; for zones, how far
// it is from the nearest other one.
func (d *Decision) Margin() float64 { return math.Abs(d.Measured - d.Threshold) }

// Decide applies the policy to r. The decision says nothing of this machine yet:
// [Registry.Resolve] completes it.
func (p *Policy) Decide(r *Result) Decision {
	d := p.rule(r)
	d.Wanted = d.Hint
	if p.Force != "" {
		d.Wanted, d.Forced = p.Force, true
	}
	return d
}

func (p *Policy) rule(r *Result) Decision {
	if min(r.Rows, r.Cols) < 2 {
		return p.zone(r)
	}
	limit := float64(p.SizeShare * p.VRAM)
	switch {
	case r.Bytes > limit:
		return Decision{Rule: RuleSize, Zone: 1, Hint: CPU, Measured: r.Bytes, Threshold: limit}
	case r.Condition > p.MaxCondition:
		return Decision{Rule: RuleKappa, Zone: 2, Hint: GPU, Measured: r.Condition, Threshold: p.MaxCondition}
	case r.Sparsity > p.MaxSparsity && r.SparsityKind == Block:
		return Decision{Rule: RuleSparsity, Zone: 1, Hint: CPU, Measured: r.Sparsity, Threshold: p.MaxSparsity}
	case !r.SufficientK:
		return Decision{Rule: RuleSufficientK, Zone: 1, Hint: CPU, Measured: float64(min(r.Rows, r.Cols)), Threshold: OriginalLimit}
	}
	d := p.zone(r)
	d.Uncertain = d.Uncertain || r.ConditionAtLeast
	return d
}

func (p *Policy) zone(r *Result) Decision {
	d := Decision{Rule: RuleZone, Measured: r.Se, Threshold: p.High}
	if math.Abs(r.Se-p.Low) < math.Abs(r.Se-p.High) {
		d.Threshold = p.Low
	}
	switch {
	case r.Se >= p.High && r.Structure >= p.Coherent:
		d.Zone, d.Hint = 4, GPU
	case r.Se >= p.High:
		d.Zone, d.Hint = 3, QPU
	case r.Se >= p.Low:
		d.Zone, d.Hint = 2, GPU
	default:
		d.Zone, d.Hint = 1, CPU
	}
	d.Uncertain = d.Margin() < r.Error
	return d
}

// String explains the decision in one line.
func (d Decision) String() string {
	why := ""
	switch d.Rule {
	case RuleSize:
		why = fmt.Sprintf("size: %.4g MB > %.4g MB", d.Measured/1e6, d.Threshold/1e6)
	case RuleKappa:
		why = fmt.Sprintf("kappa: condition %.3g > %.4g", d.Measured, d.Threshold)
	case RuleSparsity:
		why = fmt.Sprintf("sparsity: %.1f %% zeros in blocks > %.4g %%", 100*d.Measured, 100*d.Threshold)
	case RuleSufficientK:
		why = fmt.Sprintf("sufficient_k: not measured, shorter side %.0f > %.0f", d.Measured, d.Threshold)
	case RuleZone:
		side := "below"
		if d.Measured >= d.Threshold {
			side = "above"
		}
		why = fmt.Sprintf("zone %d: Se %.3f is %.3f %s %.4g", d.Zone, d.Measured, d.Margin(), side, d.Threshold)
	}
	if d.Uncertain {
		why += ", uncertain"
	}
	if d.Forced {
		why += fmt.Sprintf("; %s forced, not %s", d.Wanted, d.Hint)
	}
	for _, e := range d.Unavailable {
		why += fmt.Sprintf("; no %s: %s", e.Backend, e.Reason)
	}
	return why
}
