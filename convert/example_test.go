package convert_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/model"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	source, output := filepath.Join(dir, "checkpoint"), filepath.Join(dir, "converted")
	if err := demo.Extract(source); err != nil { // any Hugging Face directory
		log.Fatal(err)
	}

	report, err := convert.Directory(ctx, convert.Job{
		Source: source, Output: output, Options: convert.Options{Bits: 4.5},
		Calibration: convert.Calibration{Tokens: 1024}, // more is better
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.1f bits a weight\n", report.BitsPerWeight)

	m, err := model.Open(output)
	if err != nil {
		log.Fatal(err)
	}
	checks, err := m.Verify(ctx, 2)
	if err != nil {
		log.Fatal(err)
	}
	bad := 0
	for _, c := range checks {
		if c.Err != nil {
			bad++
		}
	}
	fmt.Println("damaged:", bad)
	// Output:
	// 4.5 bits a weight
	// damaged: 0
}
