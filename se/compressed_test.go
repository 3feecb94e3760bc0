package se_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/se"
)

// TestCompressed: a matrix from its CDNA file has the measurements of the matrix that
// the file stands for, outliers included.
func TestCompressed(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	original := make([]float32, 600*1000)
	for i := range original {
		original[i] = float32(0.02 * r.NormFloat64())
	}
	for i := range 20 {
		original[i*29989] = 5 + 0.3*float32(i)
	}
	rows, err := matrix.NewSlice(original, len(original)/1000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	target := convert.Target{Name: "w", File: filepath.Join(dir, "w.cdna2.hxz"), Sidecar: filepath.Join(dir, "w.hxzo")}
	report, err := convert.Matrix(t.Context(), rows, target, convert.Options{})
	if err != nil || report.Outliers == 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	f, err := cdna.Open(target.File)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sidecar, err := cdna.OpenSidecar(target.Sidecar)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Weights(sidecar, nil)
	if err != nil {
		t.Fatal(err)
	}
	weights := make([]float32, 600*1000)
	if err := c.ReadRows(context.Background(), weights, 0, 600); err != nil {
		t.Fatal(err)
	}
	dense, err := matrix.NewSlice(weights, 600, 1000)
	if err != nil {
		t.Fatal(err)
	}
	a, err := se.Compute(t.Context(), c, se.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := se.Compute(t.Context(), dense, se.Options{})
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%+v, want %+v, %v", a, b, err)
	}
}
