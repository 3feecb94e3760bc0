package route

import "errors"

// ErrOption reports options or a policy that make no sense.
var ErrOption = errors.New("invalid option")

// Estimator says how the singular values were measured; se has the list.
type Estimator string

// OriginalLimit is the shorter side up to which the original measured singular values.
const OriginalLimit = 512

// The structures of a matrix's zeros.
const (
	Dense  = "dense"  // fewer than 10 % of the weights are near zero
	Random = "random" // more, here and there
	Block  = "block"  // more, in whole blocks
)

// Result is what was measured of a matrix. Its JSON names are those of the original
// where that has the value.
type Result struct {
	Rows int `json:"rows"`
	Cols int `json:"cols"`

	Se        float64 `json:"Se"`       // H·U·D
	H         float64 `json:"H"`        // 1 − EnergyTop: how evenly the energy is spread
	U         float64 `json:"U"`        // 1 − RowCoherence: how little neighbours resemble each other
	D         float64 `json:"D"`        // √RankRatio
	Structure float64 `json:"C_struct"` // RowCoherence

	EnergyTop    float64 `json:"energy_at_10pct"` // share of Σσ² in the largest tenth of the singular values
	RankRatio    float64 `json:"rank_ratio"`      // share of the singular values that hold 95 % of Σσ²
	RowCoherence float64 `json:"row_coherence"`   // mean |correlation| of neighbouring rows
	ColCoherence float64 `json:"col_coherence"`   // of neighbouring columns

	Condition        float64 `json:"condition_number"`
	ConditionAtLeast bool    `json:"condition_at_least"` // Condition is a lower bound
	SufficientK      bool    `json:"sufficient_k"`       // the spectrum was measured
	Sparsity         float64 `json:"sparsity_ratio"`     // share of |w| < 1e-6
	SparsityKind     string  `json:"sparsity_structure"` // Dense, Random or Block

	Bytes float64 `json:"bytes"` // as the source stores them

	Estimator Estimator `json:"estimator"`
	// Error bounds |Se − its exact value|: always for Exact, but for rounding, and with
	// probability 0.99 for Lanczos. For the original's constants it is 1.
	Error float64 `json:"error"`
}
