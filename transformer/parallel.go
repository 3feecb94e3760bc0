package transformer

import "sync"

// parallel calls do for parts of 0..n on the given number of workers, each part at
// least unit long. Parts are independent, so results do not depend on them.
func parallel(workers, n, unit int, do func(worker, a, b int)) {
	workers = max(1, min(workers, n/unit))
	var wg sync.WaitGroup
	for w := 1; w < workers; w++ {
		wg.Go(func() { do(w, n*w/workers, n*(w+1)/workers) })
	}
	do(0, 0, n/workers)
	wg.Wait()
}
