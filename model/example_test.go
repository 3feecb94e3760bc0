package model_test

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
	if err := demo.Extract(source); err != nil {
		log.Fatal(err)
	}
	if _, err := convert.Directory(ctx, convert.Job{Source: source, Output: output, Options: convert.Options{Method: convert.Entropy}}); err != nil {
		log.Fatal(err)
	}

	m, err := model.Open(output) // every file is compared with the manifest when it is read
	if err != nil {
		log.Fatal(err)
	}
	first := m.Tensors()[0]
	fmt.Println(first.Name, first.Format, first.OriginalShape)
	checks, err := m.Verify(ctx, 2)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range checks {
		if c.Err != nil {
			fmt.Println(c.Name, c.Err)
		}
	}
	// Output:
	// model.embed_tokens.weight cdna_v2 [1024 192]
}
