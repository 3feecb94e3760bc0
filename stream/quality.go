package stream

import "github.com/helix-substrate/helix-substrate/cdna"

// Quality is the contract by which a product decides whether it needs the
// outlier sidecar. The zero value asks for nothing: a given sidecar is applied.
type Quality struct {
	// Mode is "accurate" (at least cosine 0.999), "fast" (0.998) or empty.
	Mode string
	// MinCosine, if not zero, is the wanted cosine and overrides Mode's.
	MinCosine float64
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

// decide applies the contract of FORMATS "When a sidecar is applied".
func (q Quality) decide(h *cdna.Header, given bool) Decision {
	if !given {
		return Decision{Basis: "none"}
	}
	if q == (Quality{}) {
		return Decision{Apply: true, Basis: "given"}
	}
	min := q.MinCosine
	if min == 0 {
		min = 0.999
		if q.Mode == "fast" {
			min = 0.998
		}
	}
	d := Decision{MinCosine: min}
	f := h.Fidelity
	if f != nil && f.CosineNoSidecar != nil {
		d.Basis = "truth"
		d.Apply = *f.CosineNoSidecar < min
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
