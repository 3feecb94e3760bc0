package chain_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "runs.log")
	for range 3 {
		r := receipt.NewRecorder(time.Now())
		e, err := r.Receipt(nil, time.Now())
		if err != nil {
			log.Fatal(err)
		}
		if err := chain.Append(ctx, path, e); err != nil {
			log.Fatal(err)
		}
	}
	if err := os.Truncate(path, 100); err != nil {
		log.Fatal(err)
	}
	report, err := chain.Verify(ctx, path, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range report.Problems {
		if p.Kind != chain.Malformed {
			fmt.Println(p.Text)
		}
	}
	// Output:
	// entry 0 was edited: line 1
	// entry 1 is missing: the log was truncated
	// entry 2 is missing: the log was truncated
}
