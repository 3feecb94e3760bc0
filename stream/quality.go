package stream

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// Quality is the contract by which a product decides whether it needs the
// outlier sidecar. The zero value asks for nothing: a given sidecar is applied.
type Quality struct {
	// Mode is "accurate" (at least cosine 0.999), "fast" (0.998) or empty.
	Mode string
	// MinCosine, if not zero, is the wanted cosine and overrides Mode's.
	MinCosine float64
}

func (q Quality) check() error {
	if q.Mode != "" && q.Mode != "accurate" && q.Mode != "fast" {
		return fmt.Errorf("quality mode %q is not accurate or fast: %w", q.Mode, ErrOption)
	}
	if !(q.MinCosine >= 0 && q.MinCosine <= 1) {
		return fmt.Errorf("cosine %v is not in 0..1: %w", q.MinCosine, ErrOption)
	}
	return nil
}

// Decision is the outcome of the quality contract.
type Decision struct {
	Apply bool
	// Basis is "given" (no contract asked for), "truth" (the file says its
	// measured cosine), "legacy_heuristic" (it does not), or "none" (no sidecar).
	Basis string
	// SkipReason is "meets_min_cosine" or "legacy_heuristic_no" when a sidecar
	// was given and is not applied.
	SkipReason string
	// MinCosine is the cosine asked for, 0 without a contract.
	MinCosine float64
}

// noSidecar is the outcome where there is none.
var noSidecar = Decision{Basis: "none"}

// decide applies the contract of FORMATS "When a sidecar is applied".
func (q Quality) decide(h *cdna.Header, given bool) Decision {
	if !given {
		return noSidecar
	}
	if q == (Quality{}) {
		return Decision{Apply: true, Basis: "given"}
	}
	wanted := q.MinCosine
	if wanted == 0 {
		wanted = 0.999
		if q.Mode == "fast" {
			wanted = 0.998
		}
	}
	d := Decision{MinCosine: wanted}
	f := h.Fidelity
	if f != nil && f.CosineNoSidecar != nil {
		d.Basis = "truth"
		d.Apply = *f.CosineNoSidecar < wanted
		if !d.Apply {
			d.SkipReason = "meets_min_cosine"
		}
		return d
	}
	d.Basis = "legacy_heuristic"
	d.Apply = q.Mode == "accurate" || q.MinCosine >= 0.999 ||
		f != nil && f.SidecarRequired != nil && *f.SidecarRequired
	if !d.Apply {
		d.SkipReason = "legacy_heuristic_no"
	}
	return d
}
