package memory_test

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/memory"
)

func Example() {
	limit := memory.Allowed(512 << 20)
	defer limit.Begin()()             // the collector is as before at the end
	vocabulary := make([]byte, 1<<20) // what is parsed is measured
	const later = 4 << 20             // what is known to come
	share := memory.Share(memory.Held(), later)
	memory.Settle(share)

	buffers := memory.NewLedger(limit.Bytes - share)
	fmt.Println("room for buffers:", buffers.Reserve("a cache", 400<<20) == nil)
	fmt.Println("and for more:", buffers.Reserve("another", 400<<20) == nil)
	err := limit.Need("for a text", 1<<30)
	fmt.Println("too much for the limit:", errors.Is(err, memory.ErrLimit))
	_ = vocabulary
	// Output:
	// room for buffers: true
	// and for more: false
	// too much for the limit: true
}
