package memory_test

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/memory"
)

func Example() {
	limit := memory.Allowed(512 << 20)
	limit.Begin()
	vocabulary := make([]byte, 1<<20) // what is parsed is measured
	const later = 4 << 20             // what is known to come
	share := memory.Share(memory.Held(), later)
	memory.Settle(share)

	fmt.Println("room for buffers:", limit.Bytes-share > 400<<20)
	err := limit.Need("for a text", 1<<30)
	fmt.Println("too much for the limit:", errors.Is(err, memory.ErrLimit))
	_ = vocabulary
	// Output:
	// room for buffers: true
	// too much for the limit: true
}
