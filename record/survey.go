package record

import (
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/se/survey"
)

// Survey returns the claims and the operations of a survey that was made with o, whose
// Hashes say what was measured, and counts the routes of its tensors in the measurements.
func Survey(m *receipt.Measurements, r *survey.Report, o survey.Options) (*receipt.EntropyClaims, []receipt.Operation, error) {
	claims := &receipt.EntropyClaims{Operation: receipt.OpSE, Estimator: string(o.Estimator), Seed: o.Seed, Policy: r.Policy, Tensors: []receipt.EntropyTensor{}}
	operations := make([]receipt.Operation, len(r.Tensors))
	m.Executor.Routes = map[string]int{}
	for i, t := range r.Tensors {
		measurement, err := receipt.Digest(t.Measured)
		if err != nil {
			return nil, nil, err
		}
		d := t.Decision
		m.Executor.Routes[string(d.Wanted)+" -> "+string(d.Used)]++
		claims.Tensors = append(claims.Tensors, receipt.EntropyTensor{
			Name: t.Name, SHA256: t.SHA256, Sidecar: t.Sidecar, Measured: t.Measured, Wanted: string(d.Wanted), Zone: d.Zone,
		})
		operations[i] = receipt.Operation{
			Name: receipt.OpSE, TensorName: t.Name, Elements: int64(t.Measured.Rows) * int64(t.Measured.Cols),
			TimingMS: receipt.Milliseconds(t.Took), Proof: receipt.Proof{Input: t.SHA256, Output: measurement},
		}
	}
	return claims, operations, nil
}
