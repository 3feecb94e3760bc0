package cdna_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// Write a matrix of 4 rows and 3 columns, then read two of its rows back.
func Example() {
	dir, err := os.MkdirTemp("", "cdna")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "w.cdna2.hxz")

	w, err := cdna.Create(path, cdna.WriterOptions{
		TensorName: "w", Rows: 4, Cols: 3, Codebook: []float32{-1, 0, 0.5},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Abort() // does nothing once Finish has succeeded
	if _, err := w.Write([]byte{0, 1, 2, 2, 1, 0, 1, 1, 1, 0, 0, 2}); err != nil {
		log.Fatal(err)
	}
	if _, err := w.Finish(nil); err != nil {
		log.Fatal(err)
	}

	f, err := cdna.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	verifier := cdna.NewVerifier(cdna.TrustCached, f.NumBlocks(), 0)
	rows := make([]byte, 2*f.Cols())
	if err := f.ReadRows(context.Background(), rows, 1, 3, verifier); err != nil {
		log.Fatal(err)
	}
	table := f.Codebook()
	for _, i := range rows {
		fmt.Print(table[i], " ")
	}
	// Output: 0.5 0 -1 0 0 0
}
