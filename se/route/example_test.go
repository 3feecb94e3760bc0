package route_test

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/se/route"
)

// What was measured of a matrix, where the original's policy would compute it, and where a
// machine with a CPU alone does.
func Example() {
	measured := route.Result{Rows: 512, Cols: 512, Se: 0.45, Condition: 12, SufficientK: true, Bytes: 1 << 20}
	policy := route.DefaultPolicy()
	machine := route.Registry{{Backend: route.CPU, Available: true}}
	d := machine.Resolve(policy.Decide(&measured))
	fmt.Println("zone", d.Zone, "wanted:", d.Wanted, "used:", d.Used)
	fmt.Println(d)
	// Output:
	// zone 2 wanted: gpu used: cpu
	// zone 2: Se 0.450 is 0.150 above 0.3; no gpu: not registered
}
