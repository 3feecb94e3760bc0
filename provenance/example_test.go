package provenance_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/provenance"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// A conversion that says, signed, where its output comes from; and whoever gets that compares.
func Example() {
	ctx := context.Background()
	root, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	checkpoint, dir := filepath.Join(root, "checkpoint"), filepath.Join(root, "model")
	if err := demo.Extract(checkpoint); err != nil {
		log.Fatal(err)
	}
	key, err := attest.GenerateKey(attest.P256)
	if err != nil {
		log.Fatal(err)
	}
	builder, err := provenance.ThisProgram()
	if err != nil {
		log.Fatal(err)
	}
	job := convert.Job{Source: checkpoint, Output: dir, Options: convert.Options{Method: convert.Entropy}}
	job.Attest = func(ctx context.Context, made *convert.Finished) (map[string][]byte, error) {
		return provenance.Files(ctx, made, builder, key)
	}
	if _, err := convert.Directory(ctx, job); err != nil {
		log.Fatal(err)
	}

	m, err := model.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	checks, err := provenance.Check(ctx, m, key.PublicHalf())
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range checks {
		fmt.Println(c.Name, c.Err)
	}
	// Output:
	// provenance.json <nil>
	// bom.cdx.json <nil>
	// model.sig <nil>
}
