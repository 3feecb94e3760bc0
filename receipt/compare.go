package receipt

import (
	"errors"
	"fmt"
	"math"
)

// ErrCompare reports results that cannot be compared.
var ErrCompare = errors.New("results cannot be compared")

// Comparison says how near a product comes to a canonical one.
type Comparison struct {
	Cosine     float64 `json:"cosine"`
	MaxAbsDiff float64 `json:"max_abs_diff"`
	Status     string  `json:"status"` // "PASS", "ACCEPTABLE" or "FAIL"
}

// CompareVsCanonical compares y with a canonical result of the same length: PASS
// from a cosine of 0.999 on, ACCEPTABLE from 0.99, else FAIL. Sums are taken in
// float64; two results that are all zero have cosine 1.
func CompareVsCanonical(y, canonical []float32) (Comparison, error) {
	if len(y) != len(canonical) {
		return Comparison{}, fmt.Errorf("%d values and %d: %w", len(y), len(canonical), ErrCompare)
	}
	var yy, cc, yc, worst float64
	for i, v := range y {
		a, b := float64(v), float64(canonical[i])
		yy += float64(a * a)
		cc += float64(b * b)
		yc += float64(a * b)
		if d := math.Abs(a - b); d > worst || d != d {
			worst = d
		}
	}
	c := Comparison{Cosine: 1, MaxAbsDiff: worst, Status: "FAIL"}
	if yy > 0 || cc > 0 {
		c.Cosine = 0
		if yy > 0 && cc > 0 {
			c.Cosine = yc / math.Sqrt(yy) / math.Sqrt(cc)
		}
	}
	switch {
	case c.Cosine >= 0.999:
		c.Status = "PASS"
	case c.Cosine >= 0.99:
		c.Status = "ACCEPTABLE"
	}
	if math.IsNaN(worst) || math.IsInf(worst, 0) { // JSON has neither; neither passes
		c.MaxAbsDiff, c.Status = math.MaxFloat64, "FAIL"
	}
	if math.IsNaN(c.Cosine) {
		c.Cosine, c.Status = 0, "FAIL"
	}
	return c, nil
}
