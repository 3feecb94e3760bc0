package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
)

// OpenBLAS is what NumPy's dense float32 products take on this machine.
type OpenBLAS struct {
	Library string  `json:"library"`
	GEMV    float64 `json:"gemv_s"` // W [rows, cols] @ x
	GEMM    float64 `json:"gemm_s"` // X [batch, n] @ Wᵀ, W [n, n]
}

// openBLASScript times both products, best of several rounds.
const openBLASScript = `
import json, sys, time
import numpy as np
rows, cols, n, batch, rounds = map(int, sys.argv[1:])
def best(f):
    f()
    t = []
    for _ in range(rounds):
        s = time.perf_counter(); f(); t.append(time.perf_counter() - s)
    return min(t)
r = np.random.default_rng(1)
w = np.empty((rows, cols), np.float32); w[:] = r.standard_normal(cols, np.float32)
x = r.standard_normal(cols, np.float32)
gemv = best(lambda: w @ x)
del w
w = r.standard_normal((n, n), np.float32)
x = r.standard_normal((batch, n), np.float32)
gemm = best(lambda: x @ w.T)
print(json.dumps({"library": "NumPy " + np.__version__, "gemv_s": gemv, "gemm_s": gemm}))
`

// MeasureOpenBLAS runs NumPy with the given Python interpreter.
func MeasureOpenBLAS(ctx context.Context, python string, rows, cols, n, batch, rounds int) (*OpenBLAS, error) {
	args := []string{"-c", openBLASScript}
	for _, v := range []int{rows, cols, n, batch, rounds} {
		args = append(args, fmt.Sprint(v))
	}
	out, err := exec.CommandContext(ctx, python, args...).Output()
	if err != nil {
		return nil, fmt.Errorf("NumPy by %s: %w", python, err)
	}
	var b OpenBLAS
	if err := json.Unmarshal(out, &b); err != nil {
		return nil, fmt.Errorf("NumPy by %s: %w", python, err)
	}
	return &b, nil
}
