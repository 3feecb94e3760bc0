package route

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// TestGates: each in its order, and zones when none applies.
func TestGates(t *testing.T) {
	plain := Result{Rows: 100, Cols: 100, Se: 0.5, Condition: 10, SufficientK: true, Bytes: 4e4, SparsityKind: Dense}
	for _, c := range []struct {
		name   string
		change func(*Result)
		zone   int
		hint   Backend
		rule   Rule
	}{
		{"plain", func(*Result) {}, 2, GPU, RuleZone},
		{"low", func(r *Result) { r.Se = 0.29 }, 1, CPU, RuleZone},
		{"at the lower threshold", func(r *Result) { r.Se = 0.30 }, 2, GPU, RuleZone},
		{"high", func(r *Result) { r.Se = 0.70 }, 3, QPU, RuleZone},
		{"high and coherent", func(r *Result) { r.Se, r.Structure = 0.70, 0.30 }, 4, GPU, RuleZone},
		{"too large", func(r *Result) { r.Bytes, r.Condition = 3.3e9, 1e9 }, 1, CPU, RuleSize},
		{"condition", func(r *Result) { r.Condition, r.SufficientK = 101, false }, 2, GPU, RuleKappa},
		{"sparse in blocks", func(r *Result) { r.Sparsity, r.SparsityKind = 0.5, Block }, 1, CPU, RuleSparsity},
		{"sparse at random", func(r *Result) { r.Sparsity, r.SparsityKind = 0.5, Random }, 2, GPU, RuleZone},
		{"not measured", func(r *Result) { r.SufficientK = false }, 1, CPU, RuleSufficientK},
		{"vectors have no gates", func(r *Result) { r.Rows, r.Condition = 1, 1e9 }, 2, GPU, RuleZone},
	} {
		r := plain
		c.change(&r)
		p := DefaultPolicy()
		d := p.Decide(&r)
		if d.Zone != c.zone || d.Hint != c.hint || d.Rule != c.rule || d.Wanted != c.hint || d.Margin() < 0 {
			t.Errorf("%s: %+v", c.name, d)
		}
		if text := d.String(); !strings.Contains(text, string(c.rule)) && c.rule != RuleZone || strings.Contains(text, "\n") {
			t.Errorf("%s: %q", c.name, text)
		}
	}
	p := DefaultPolicy()
	p.Force = CPU
	if d := p.Decide(&plain); d.Hint != GPU || d.Wanted != CPU || !d.Forced || !strings.Contains(d.String(), "forced") {
		t.Errorf("forced: %+v", d)
	}
	near := plain
	near.Se, near.Error = 0.299, 0.01
	p = DefaultPolicy()
	if d := p.Decide(&near); !d.Uncertain {
		t.Errorf("an error that reaches over the threshold: %+v", d)
	}
}

func TestPolicyRefused(t *testing.T) {
	for _, change := range []func(*Policy){
		func(p *Policy) { p.Low = math.NaN() }, func(p *Policy) { p.Low = 0.8 }, func(p *Policy) { p.Coherent = -1 }, func(p *Policy) { p.Force = "tpu" },
	} {
		p := DefaultPolicy()
		change(&p)
		if err := p.Validate(); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	p := DefaultPolicy()
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

// TestFallback: qpu → gpu → cpu, each that is passed over with its reason.
func TestFallback(t *testing.T) {
	all := Registry{{Backend: CPU, Available: true}, {Backend: GPU, Available: true}, {Backend: QPU, Available: true}}
	if d := all.Resolve(Decision{Wanted: QPU}); d.Used != QPU || d.Unavailable != nil {
		t.Errorf("%+v", d)
	}
	if d := all[:2].Resolve(Decision{Wanted: QPU}); d.Used != GPU || len(d.Unavailable) != 1 || d.Unavailable[0].Reason == "" {
		t.Errorf("%+v", d)
	}
	if d := Machine().Resolve(Decision{Wanted: QPU}); d.Used != CPU || len(d.Unavailable) != 2 {
		t.Errorf("%+v", d)
	}
	if d := (Registry{}).Resolve(Decision{Wanted: GPU}); d.Used != "" {
		t.Errorf("%+v", d)
	}
}
