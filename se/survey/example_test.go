package survey_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/se/survey"
)

func Example() {
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := demo.Extract(filepath.Join(dir, "model")); err != nil {
		log.Fatal(err)
	}
	r, err := survey.Measure(context.Background(), filepath.Join(dir, "model"), survey.DefaultOptions())
	if err != nil {
		log.Fatal(err)
	}
	if err := r.Plot(filepath.Join(dir, "entropy.svg")); err != nil {
		log.Fatal(err)
	}
	weights := int64(0)
	for _, z := range r.Zones {
		weights += z.Weights
	}
	fmt.Println(len(r.Tensors), "matrices,", weights, "weights")
	// Output: 29 matrices, 1818624 weights
}
